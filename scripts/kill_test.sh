#!/usr/bin/env bash
# Kills a training run with SIGKILL at random moments and resumes it each time. Then it compares the final weights, bit
# for bit, with those of a run that nothing disturbed.
#   scripts/kill_test.sh [KILLS, 20 if left out] [DATA, a folder of `infini prepare`; made-up text if left out]
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${1:-20}
data=${2:-}
infini=$PWD/build/release/infini
work=$(mktemp -d)
export OMP_WAIT_POLICY=passive  # on a busy machine, threads that wait in a busy loop are very slow
trap 'rm -rf "$work"' EXIT

if [ -z "$data" ]; then
  data=$work/data
  for split in train validation test; do
    mkdir -p "$work/text/$split"
    for book in 1 2 3 4 5; do
      awk -v seed="$book" 'BEGIN {
        srand(seed)
        for (i = 0; i < 400 * seed; ++i) printf "%c%s", 97 + int(26 * rand() * rand()), rand() < 0.2 ? " " : ""
      }' > "$work/text/$split/$book.txt"
    done
  done
  "$infini" prepare --source "$work/text" --out "$data" --tokenizer bytes 2> "$work/prepare.log"
fi

# A small model with a checkpoint every few steps, so that many kills happen while one is written. The memory is carried
# from sequence to sequence and gradients are accumulated, so a checkpoint must hold everything that it can.
cat > "$work/config.yaml" << EOF
output_folder: $work/runs
steps: 60
train_length: 128
batch_rows: 2
accumulation: 2
segments_per_chunk: 2
carry_memory: true
data:
  path: $data
model:
  hidden_size: 32
  intermediate_size: 48
  num_hidden_layers: 2
  num_attention_heads: 4
  num_key_value_heads: 2
  memory:
    segment_length: 16
    update: delta
schedule:
  warmup_steps: 10
checkpoint:
  every: 4
  keep_last: 2
logging:
  gates_every: 10
validation:
  every: 20
  tokens: 500
EOF

train() { "$infini" train "$work/config.yaml" --resume --set "name=$1" &>> "$work/$1.log"; }

seconds() { date +%s.%N; }
begin=$(seconds)
train undisturbed || { cat "$work/undisturbed.log" >&2; exit 1; }
duration=$(awk -v begin="$begin" -v end="$(seconds)" 'BEGIN { print end - begin }')
final=checkpoints/step-60/model.safetensors

compare() {  # a finished run
  if ! cmp "$work/runs/undisturbed/$final" "$work/runs/killed/$final"; then
    echo "FAILED: the weights differ" >&2
    exit 1
  fi
  sed -E 's/^\{"step":([0-9]+),.*/\1/' "$work/runs/killed/metrics.jsonl" > "$work/steps"
  if ! diff <(seq 60) "$work/steps" > "$work/steps.diff"; then
    echo "FAILED: metrics.jsonl does not have each step once:" >&2
    head "$work/steps.diff" >&2
    exit 1
  fi
}

killed=0
compared=0
while [ "$killed" -lt "$kills" ]; do
  "$infini" train "$work/config.yaml" --resume --set name=killed &>> "$work/killed.log" &
  run=$!
  # At a random moment between the start of the program and the time that a whole run takes.
  sleep "$(awk -v duration="$duration" -v random="$RANDOM" 'BEGIN { print duration * random / 32768 }')"
  kill -KILL "$run" 2> /dev/null || true
  status=0
  wait "$run" 2> /dev/null || status=$?
  case $status in
    137) killed=$((killed + 1)) ;;
    0)
      compare
      compared=$((compared + 1))
      rm -rf "$work/runs/killed"
      ;;
    *)
      echo "FAILED: a resumed run ended with exit code $status:" >&2
      tail -n 5 "$work/killed.log" >&2
      exit 1
      ;;
  esac
done
train killed || { echo "FAILED: the last run" >&2; tail -n 5 "$work/killed.log" >&2; exit 1; }
compare
compared=$((compared + 1))
echo "kill test passed: $killed kills, $compared finished runs, each with the weights of the undisturbed run, bit for bit"
