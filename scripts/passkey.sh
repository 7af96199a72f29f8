#!/usr/bin/env bash
# From a fresh clone to the paper's Table 3, with small models. Two models of 637 thousand parameters, one for each update
# of the memory, learn to find a pass key in at most 2K tokens. Then they look for the key in up to a million tokens.
# The two run side by side on one core each: half an hour of training and half an hour of evaluation on 2 cores.
# If it is stopped, start it again: it goes on where it was.
#
#   scripts/passkey.sh [LENGTHS]     by default 32K,128K,256K,512K,1M
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n==> %s\n' "$*"; }
lengths=${1:-32K,128K,256K,512K,1M}
updates=(passkey_small passkey_small_delta)

scripts/setup.sh
infini=build/release/infini

# Runs the same command for both updates at the same time, on one core each.
both() {
  local name jobs=()
  for name in "${updates[@]}"; do
    "$1" "$name" & jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
}

checkpoint() { find "runs/$1/checkpoints" -maxdepth 1 -name 'step-*' | sort -V | tail -n 1; }

train() { "$infini" train "configs/$1.yaml" --resume --set threads=1; }

# Training has seed 1, so these keys are new to the model. Cells up to 256K tokens have 20 trials, longer ones have 10.
measure() {  # NAME FILE [OPTION...]
  "$infini" passkey --checkpoint "$(checkpoint "$1")" --threads 1 --precision bfloat16 --seed 1000 \
    --out "runs/$1/$2" "${@:3}"
}
short_and_long() {  # NAME FILE [OPTION...]
  local long
  long=$(tr , '\n' <<< "$lengths" | grep -E '^(512K|[0-9]+M)$' | paste -sd, || true)
  local short
  short=$(tr , '\n' <<< "$lengths" | grep -vE '^(512K|[0-9]+M)$' | paste -sd, || true)
  [ -z "$short" ] || measure "$@" --lengths "$short" --trials 20
  [ -z "$long" ] || measure "$@" --lengths "$long" --trials 10
}
known_filler() { short_and_long "$1" passkey.jsonl; }
unseen_fillers() { short_and_long "$1" passkey-unseen.jsonl --fillers winter,library,mountain; }
without_memory() { measure "$1" passkey-no-memory.jsonl --lengths 32K,128K --trials 20 --no-memory; }

step "Training runs/${updates[0]} and runs/${updates[1]}"
both train
step "The filler of the passkey test"
both known_filler
step "Fillers that training has not seen"
both unseen_fillers
step "The memory switched off"
both without_memory
step "The result"
"$infini" report "${updates[@]/#/runs/}" --out "runs/${updates[0]}/report.html"
step "Done. Open runs/${updates[0]}/report.html in a browser."
