#!/usr/bin/env bash
# Writes docs/results/kernels.md. For each CUDA kernel it has the registers, spills, shared memory, occupancy and
# tensor-core instructions, the bytes that are moved, and predicted times on an A100, an H100 and a B200.
# Needs the CUDA toolkit, no GPU. Exit code 1 if a bound does not hold.
#   scripts/kernel_report.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test_kernels_race
.venv/bin/python -m pip install --quiet nvidia-cuda-nvdisasm==13.2.78  # not every toolkit has it
exec .venv/bin/python scripts/kernel_report
