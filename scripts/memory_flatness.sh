#!/usr/bin/env bash
# Measures that memory and speed do not depend on the length of the text: the peak resident memory of fresh processes
# that train on one sequence of 4K, 32K and 256K tokens (segments_per_chunk 1) and that evaluate documents of 64K and 1M
# tokens. Prints two tables; exit code 1 if something is not flat. Nothing else should run meanwhile.
#   scripts/memory_flatness.sh
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python scripts/memory_flatness.py
