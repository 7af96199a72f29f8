#!/usr/bin/env bash
# Sets up what is missing, builds everything, runs all tests (C++ with ctest, Python with pytest), then fuzzes for a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh all

failed=0
ctest --test-dir build/release --output-on-failure --parallel 2 || failed=1

if .venv/bin/python -c 'import torch' 2> /dev/null; then
  INFINI_OPS_LIBRARY=$PWD/build/release/libinfini_ops.so .venv/bin/python -m pytest tests/python -q || failed=1
else
  echo "Python tests left out: .venv has no torch, because LibTorch comes from CMAKE_PREFIX_PATH"
fi
# The rest of the fuzzers needs torch, which takes clang minutes to compile.
if command -v clang++ > /dev/null; then
  scripts/fuzz.sh 60 tokenizer_file encode json_lines shard || failed=1
else
  echo "Fuzzing left out: there is no clang++"
fi
exit $failed
