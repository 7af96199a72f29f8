#!/usr/bin/env bash
# Checks that memory and speed do not depend on the length of the text. Fresh processes train on one sequence of 4K, 32K
# and 256K tokens (segments_per_chunk 1), and evaluate documents of 64K and 1M tokens; their peak resident memory and
# speed are compared. Prints two tables. Exit code 1 if something grows with the length. Nothing else should run
# meanwhile.
#   scripts/memory_flatness.sh
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python scripts/memory_flatness.py
