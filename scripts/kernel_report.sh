#!/usr/bin/env bash
# Writes docs/results/kernels.md: what the compiler made of each CUDA kernel (registers, spills, shared memory,
# occupancy, tensor-core instructions), what each moves, and the times that follow for an A100, an H100 and a B200.
# Needs the CUDA toolkit, no GPU. Exit code 1 if a bound does not hold.
#   scripts/kernel_report.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test_kernels_race
.venv/bin/python -m pip install --quiet nvidia-cuda-nvdisasm==13.2.78  # not every toolkit has it
exec .venv/bin/python scripts/kernel_report
