#!/usr/bin/env bash
# For someone with an NVIDIA GPU, to be run once while the machine does nothing else. It sets up, builds, and runs all
# tests. The tests of the kernels run on the GPU, also under compute-sanitizer. Then the ops and a training step are timed.
# The last output is one table in Markdown to paste into an issue. The table and the logs are in build/gpu_check.
# Exit code 1 if something failed, 2 without a GPU.
#   scripts/gpu_check.sh
set -uo pipefail
cd "$(dirname "$0")/.." || exit

if ! command -v nvidia-smi > /dev/null || ! gpus=$(nvidia-smi -L 2> /dev/null) || [ -z "$gpus" ]; then
  echo "gpu_check: no NVIDIA GPU is visible here (nvidia-smi -L lists none); run it on a machine with a GPU and its driver" >&2
  exit 2
fi
if ! command -v nvcc > /dev/null && [ ! -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ]; then
  echo "gpu_check: no CUDA toolkit was found, so no kernel would be built; install one (nvcc on PATH, or CUDA_HOME) " \
    "and start again" >&2
  exit 2
fi

folder=build/gpu_check
rm -rf "$folder"
mkdir -p "$folder"
rows=$folder/rows.md
failed=0

row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3" >> "$rows"; }

# Runs a check and keeps its output in a log. The last line that matches PATTERN is the result. A check whose tests were
# all skipped has shown nothing, so it does not pass.
nothing='No tests were found|tests did not run|^[0-9]+ (skipped|deselected)'
check() {  # TITLE LOG PATTERN COMMAND...
  local title=$1 log=$folder/$2.log pattern=$3 begin=$SECONDS verdict=passed finding
  shift 3
  echo "==> $title"
  if ! "$@" > "$log" 2>&1; then
    verdict="**FAILED**"
    failed=1
    tail -n 15 "$log"
  fi
  finding=$(grep -E "$pattern" "$log" | tail -n 1 | tr -d '=|' | xargs)
  if [ "$verdict" = passed ] && grep -qE "$nothing" "$log"; then
    verdict="**not run**"
    failed=1
  fi
  row "$title" "$verdict" "${finding:-see $log} ($((SECONDS - begin)) s)"
}

on_ctest='tests passed|tests failed|No tests were found'
ctest_release() { ctest --test-dir build/release --output-on-failure "$@"; }
infini=build/release/infini

check "set-up and build" build '^-- CUDA:' scripts/setup.sh all
if [ ! -x "$infini" ]; then
  echo "gpu_check: there is no $infini, so nothing can be checked; the errors are in $folder/build.log" >&2
  exit 1
fi
check "tests of all but the GPU" tests "$on_ctest" ctest_release -LE '^(cuda|compute_sanitizer)$'
check "kernels on the GPU" cuda "$on_ctest" ctest_release -L '^cuda$'
if [ -x "$(command -v compute-sanitizer || echo "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer")" ]; then
  check "kernels under compute-sanitizer" sanitizer "$on_ctest" ctest_release -L '^compute_sanitizer$'
else
  row "kernels under compute-sanitizer" "left out" "compute-sanitizer is not installed"
fi
export INFINI_OPS_LIBRARY=$PWD/build/release/libinfini_ops.so
check "Python tests" python ' (passed|failed|error)' .venv/bin/python -m pytest -q -rs tests/python --deselect tests/python/test_devices.py
check "Python tests on the GPU" python_cuda ' (passed|failed|error|deselected)' \
  .venv/bin/python -m pytest -q -rs tests/python/test_devices.py -k cuda

# Sizes that keep a GPU busy: those of the paper's model.
bench() {  # TITLE NAME OPTION...
  local title=$1 json=$folder/$2.json log=$folder/$2.log
  shift 2
  echo "==> $title"
  if "$infini" bench --device cuda --rounds 10 --json "$@" > "$json" 2> "$log"; then
    row "$title" measured "below"
  else
    row "$title" "**FAILED**" "$(tail -n 1 "$log")"
    failed=1
    rm "$json"
  fi
}
for dtype in bfloat16 float16 float32; do
  bench "speed of attention, $dtype" "attention_$dtype" --only attention --tokens 32768 --dtype "$dtype"
done
bench "speed of a training step of the paper's model" training_step --only step --update linear,delta \
  --config configs/pg19.yaml --set model.vocab_size=32000 --set batch_rows=1 --set accumulation=1 \
  --set segments_per_chunk=16

{
  echo "### gpu_check"
  echo
  echo "\`$(git rev-parse --short HEAD 2> /dev/null || echo 'no git')\`," \
    "$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | sort | uniq -c | xargs)," \
    "$("$infini" info | grep -E '^  (libtorch|cuda_toolkit) ' | xargs)"
  echo
  echo "| check | result | found |"
  echo "|---|---|---|"
  cat "$rows"
  echo
  .venv/bin/python - "$folder"/*.json << 'PYTHON'
import json, sys
print("| timed | tokens | ms | tokens/s | TFLOP/s | of peak | GB/s | of peak |\n|---|---:|---:|---:|---:|---:|---:|---:|")
for name in sys.argv[1:]:
    try:
        result = json.load(open(name))
    except FileNotFoundError:  # nothing could be timed
        continue
    for line in result["measurements"]:
        cells = [f"{line['name']}, {line['update']}, {line['pass']}, {result['dtype']}", line["tokens"],
                 f"{line['seconds'] * 1e3:.3f}", f"{line['tokens_per_second']:.0f}",
                 f"{line['operations_per_second'] / 1e12:.1f}", f"{line['share_of_peak_operations']:.0%}"]
        if "bytes" in line:
            cells += [f"{line['bytes_per_second'] / 1e9:.0f}", f"{line['share_of_peak_bytes']:.0%}"]
        else:
            cells += ["", ""]
        print("|", " | ".join(map(str, cells)), "|")
    peak = result["peak"]
    print(f"| peak, {result['dtype']} | | | | {peak['operations_per_second'] / 1e12:.1f} | | "
          f"{peak['bytes_per_second'] / 1e9:.0f} | |")
PYTHON
} > "$folder/report.md"

printf '\nTo paste into an issue (%s):\n\n' "$folder/report.md"
cat "$folder/report.md"
exit $failed
