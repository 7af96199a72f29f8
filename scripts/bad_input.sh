#!/usr/bin/env bash
# Shows what infini says to bad input: each case with its message and exit code. The full disk needs root, for a tmpfs.
#   scripts/bad_input.sh
set -uo pipefail
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=passive
infini=$PWD/build/release/infini
work=$(mktemp -d)
trap 'mountpoint -q "$work/small" && umount "$work/small"; rm -rf "$work"' EXIT

show() {  # TITLE COMMAND...
  local title=$1 message code
  shift
  message=$("$@" 2>&1 > /dev/null)
  code=$?
  printf '\n%s (exit code %d)\n  %s\n' "$title" "$code" "$(tail -n 1 <<< "${message//$work/WORK}")"
}

damage() {  # FILE OFFSET: flips the bits of one byte
  .venv/bin/python - "$@" << 'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 0xFF]))
PYTHON
}

edit_weights() {  # FILE nan|dtype: without a checksum, as a file from elsewhere would be
  .venv/bin/python - "$@" << 'PYTHON'
import json, struct, sys
file, what = sys.argv[1:]
data = bytearray(open(file, "rb").read())
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
name = "model.norm.weight"
if what == "nan":
    begin = 8 + size + header[name]["data_offsets"][0]
    data[begin:begin + 4] = struct.pack("<f", float("nan"))
else:
    header[name]["dtype"] = "I32"
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + data[8 + size:]
open(file, "wb").write(data)
PYTHON
}

mkdir -p "$work/text"
for i in $(seq 4000); do echo "line $i of a small book"; done > "$work/text/book.txt"
cat > "$work/config.yaml" << 'YAML'
steps: 2
train_length: 256
model:
  hidden_size: 64
  intermediate_size: 128
  num_hidden_layers: 2
  num_attention_heads: 1
  memory:
    segment_length: 64
    update: delta
validation:
  every: 0
YAML
"$infini" prepare --source "$work/text/book.txt" --out "$work/data" 2> /dev/null || exit 1
train=("$infini" train "$work/config.yaml" --set "output_folder=$work/runs" --set "data.path=$work/data")
"${train[@]}" --set name=good 2> /dev/null || exit 1
good=$work/runs/good/checkpoints/step-2

sed 's/segment_length/segment_lenght/' "$work/config.yaml" > "$work/misspelt.yaml"
show "a misspelt key" "$infini" train "$work/misspelt.yaml"
show "a missing file" "$infini" train "$work/nowhere.yaml"
show "a missing checkpoint" "$infini" eval --checkpoint "$work/nowhere" --data "$work/data/test"

cp -r "$work/data" "$work/truncated"
shard=$(find "$work/truncated/train" -type f | head -n 1)
truncate -s -100 "$shard"
show "a truncated shard" "${train[@]}" --set name=shard --set "data.path=$work/truncated"

cp -r "$good" "$work/cut"
truncate -s -100 "$work/cut/model.safetensors"
show "a truncated checkpoint" "$infini" eval --checkpoint "$work/cut" --data "$work/data/test"
cp -r "$good" "$work/flipped"
damage "$work/flipped/model.safetensors" 20000
show "a flipped bit in a checkpoint" "$infini" eval --checkpoint "$work/flipped" --data "$work/data/test"

for what in dtype nan; do
  cp -r "$good" "$work/$what"
  rm "$work/$what/checksums.json"
  edit_weights "$work/$what/model.safetensors" "$what"
done
show "a wrong dtype" "$infini" eval --checkpoint "$work/dtype" --data "$work/data/test"
show "NaN weights" "$infini" eval --checkpoint "$work/nan" --data "$work/data/test"

mkdir "$work/empty"
show "an empty folder" "$infini" prepare --source "$work/empty" --out "$work/out"
mkdir -m 000 "$work/locked"
if [ "$(id -u)" -eq 0 ]; then
  chmod 755 "$work" && show "an unreadable folder" setpriv --reuid=65534 --clear-groups "$infini" prepare \
    --source "$work/locked" --out "$work/out"
else
  show "an unreadable folder" "$infini" prepare --source "$work/locked" --out "$work/out"
fi

if [ "$(id -u)" -eq 0 ]; then
  mkdir "$work/small" && mount -t tmpfs -o size=256k tmpfs "$work/small"
  show "a full disk" "${train[@]}" --set name=full --set "output_folder=$work/small"
  printf '  left there: %s\n' "$(find "$work/small" -name 'step-*' | wc -l) checkpoints"
fi
show "a model of another size on resume" "${train[@]}" --set name=good --set model.hidden_size=128 --set steps=4 --resume
show "a bad value" "${train[@]}" --set model.memory.update=detla
printf 'ein \xff wort\n' > "$work/bad.txt"
show "broken UTF-8" "$infini" prepare --source "$work/bad.txt" --out "$work/out"
printf '{"text": "good"}\n{"text": \n' > "$work/bad.jsonl"
show "a broken line of JSON" "$infini" prepare --source "$work/bad.jsonl" --out "$work/out"
printf '{"text": "ok"}\n{"text": "ok", "m": 1e400}\n' > "$work/huge.jsonl"
show "a number that is too large" "$infini" prepare --source "$work/huge.jsonl" --out "$work/out"
printf '\xff\xfeU\0' > "$work/utf16.txt"
show "UTF-16" "$infini" prepare --source "$work/utf16.txt" --out "$work/out"
mkdir "$work/unnamed" && echo "a document" > "$work/unnamed/train"
show "a split without an ending" "$infini" prepare --source "$work/unnamed" --out "$work/out"
cp -r "$good" "$work/config"
rm "$work/config/checksums.json"
echo '{"vocab_size": 1e400}' > "$work/config/config.json"
show "a damaged config.json" "$infini" eval --checkpoint "$work/config" --data "$work/data/test"
