#!/usr/bin/env bash
# Fuzzes every parser of files with clang's libFuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]     SECONDS in all, by default 60; the targets are tests/fuzz/*.cpp
#
# Each begins with tests/fuzz/corpus/TARGET. What it finds is left in build/fuzz/found/TARGET; what it learns in
# build/fuzz/corpus/TARGET, and the next run begins there.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
if ! command -v clang++ > /dev/null; then
  echo "fuzzing needs clang++ (Debian: clang)" >&2
  exit 2
fi
if [ $# -eq 0 ]; then
  for file in tests/fuzz/*.cpp; do set -- "$@" "$(basename "$file" .cpp)"; done
fi
cmake --preset fuzz > /dev/null
cmake --build --preset fuzz --target "${@/#/fuzz_}"

failed=0
for target in "$@"; do
  mkdir -p "build/fuzz/corpus/$target" "build/fuzz/found/$target"
  dictionary=()
  [ -e "tests/fuzz/$target.dict" ] && dictionary=("-dict=tests/fuzz/$target.dict")
  printf '==> %s, %d seconds\n' "$target" $((seconds / $#))
  "build/fuzz/fuzz_$target" -max_total_time=$((seconds / $#)) -timeout=10 -rss_limit_mb=3000 -max_len=16384 \
      -print_final_stats=1 -verbosity=0 "${dictionary[@]}" "-artifact_prefix=build/fuzz/found/$target/" \
      "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" || failed=1
done
exit $failed
