#!/usr/bin/env bash
# From a fresh clone to a trained Infini-Transformer. It sets up and builds, then trains two small models on Shakespeare's
# plays, one with memory and one without. It compares them on plays that neither has read, and writes a report.
# If it is stopped, start it again: it goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n==> %s\n' "$*"; }

scripts/setup.sh
infini=build/release/infini
data=data/plays-tokens

step "Text: 38 plays of Shakespeare"
.venv/bin/python scripts/fetch_plays.py data/plays
[ -e "$data/dataset.json" ] || "$infini" prepare --source data/plays --out "$data"

newest_checkpoint() { find "runs/$1/checkpoints" -maxdepth 1 -name 'step-*' | sort -V | tail -n 1; }

train() {  # NAME [OPTION...]
  step "Training runs/$1"
  "$infini" train configs/quickstart.yaml --resume --set "name=$1" "${@:2}"
}

evaluate() {  # NAME FILE [OPTION...]
  local checkpoint out=runs/$1/$2
  checkpoint=$(newest_checkpoint "$1")
  [ "$out" -nt "$checkpoint" ] || "$infini" eval --checkpoint "$checkpoint" --data "$data/test" --out "$out" "${@:3}"
}

train quickstart
train quickstart-local --set model.memory.update=none

step "Perplexity on the three test plays"
evaluate quickstart evaluation.json
evaluate quickstart evaluation-no-memory.json --no-memory
evaluate quickstart-local evaluation.json

step "What it writes after 'ROMEO'"
"$infini" generate --checkpoint "$(newest_checkpoint quickstart)" --prompt $'ROMEO\n' --max-new-tokens 400 --seed 1 |
  tee runs/quickstart/sample.txt

step "The result"
"$infini" report runs/quickstart runs/quickstart-local --out runs/quickstart/report.html

step "Done. Open runs/quickstart/report.html in a browser."
