"""The measurements of memory_flatness.sh: made-up text, fresh processes, their peak resident memory, two tables."""

import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

INFINI = pathlib.Path("build/release/infini").resolve()
SEGMENT_LENGTH, LAYERS, HEADS, HEAD_DIM = 512, 2, 4, 64
# Tokens of the sequence: steps. The first step of a process is not timed. Short steps are repeated until a time is steady.
TRAINING = {4096: 20, 32768: 5, 262144: 2}
ROUNDS = 3  # all lengths take turns: two processes of the same length can differ by a seventh in speed
EVALUATION = [65536, 1048576]
MEGABYTE = 1e6

CONFIG = f"""
output_folder: WORK/runs
segments_per_chunk: 1
data:
  path: WORK/data
model:
  hidden_size: {HEADS * HEAD_DIM}
  intermediate_size: {4 * HEADS * HEAD_DIM}
  num_hidden_layers: {LAYERS}
  num_attention_heads: {HEADS}
  num_key_value_heads: {HEADS}
  head_dim: {HEAD_DIM}
  memory:
    segment_length: {SEGMENT_LENGTH}
    update: linear
checkpoint:
  every: 1000
logging:
  gates_every: 1000
validation:
  every: 0
"""


def write_text(path, size):
    """One document of `size` bytes of made-up words."""
    letters = random.Random(size)
    words = ["".join(letters.choices("abcdefghij", k=letters.randint(1, 9))) for _ in range(2000)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(letters.choices(words, k=size // 3))[:size])


def prepare(source, out):
    subprocess.run([INFINI, "prepare", "--source", source, "--out", out, "--tokenizer", "bytes"], check=True,
                   stderr=subprocess.DEVNULL)


def run(arguments, log, ready=None):
    """Runs infini; returns its peak resident memory, and what it held when the file `ready` appeared (bytes)."""
    held = 0
    with open(log, "w") as output:
        process = subprocess.Popen([INFINI, *arguments], stdout=output, stderr=subprocess.STDOUT)
        while ready and not held and process.poll() is None:
            if ready.exists():
                pages = pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]
                held = int(pages) * os.sysconf("SC_PAGE_SIZE")
            time.sleep(0.0002)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"infini {' '.join(map(str, arguments))} failed:\n{pathlib.Path(log).read_text()}")
    return usage.ru_maxrss * 1024, held


def train(work, length, steps, round_number):
    """One process: peak, after load, borders, token ids, rest (MB), tokens/s."""
    name = f"length-{length}-{round_number}"
    folder = work / "runs" / name
    # The run's config.yaml is written when the model has been built and before the first step.
    _, loaded = run(["train", work / "config.yaml", "--set", f"name={name}", "--set", f"train_length={length}", "--set",
                     f"steps={steps}"], work / "train.log", ready=folder / "config.yaml")
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    peak = metrics[-1]["peak_memory_bytes"]
    memory_size = LAYERS * HEADS * HEAD_DIM * (HEAD_DIM + 1)
    borders = (length // SEGMENT_LENGTH - 1) * memory_size * 4
    ids = 2 * 8 * length  # tokens and targets, int64
    rest = peak - loaded - borders - ids
    speed = statistics.median(step["tokens_per_second"] for step in metrics[1:])
    return [value / MEGABYTE for value in (peak, loaded, borders, ids, rest)] + [speed]


def evaluate(work, length):
    """Peak (MB), tokens/s."""
    source = work / f"text-{length}"
    write_text(source / "train" / "book.txt", 1000)
    write_text(source / "test" / "book.txt", length)
    prepare(source, work / f"data-{length}")
    checkpoint = next((work / "runs" / f"length-{min(TRAINING)}-1" / "checkpoints").glob("step-*"))
    out = work / f"evaluation-{length}.json"
    peak, _ = run(["eval", "--checkpoint", checkpoint, "--data", work / f"data-{length}" / "test", "--out", out],
                  work / "eval.log")
    return peak / MEGABYTE, json.loads(out.read_text())["tokens_per_second"]


def verdict(what, values, bound):
    """Prints and returns whether the largest value is at most `bound` above the smallest."""
    spread = max(values) / min(values) - 1
    print(f"{what}: largest over smallest {100 * spread:+.1f}% (bound {100 * bound:.0f}%): "
          f"{'flat' if spread <= bound else 'NOT FLAT'}")
    return spread <= bound


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        write_text(work / "text" / "train" / "book.txt", max(TRAINING))
        prepare(work / "text", work / "data")
        (work / "config.yaml").write_text(CONFIG.replace("WORK", str(work)))

        print(f"Training, one sequence, segment {SEGMENT_LENGTH}, segments_per_chunk 1: of {ROUNDS} processes the one that "
              "held most (MB), the median speed")
        print(f"{'tokens':>8} {'peak':>8} {'model loaded':>13} {'border states':>14} {'token ids':>10} {'rest':>8} "
              f"{'tokens/s':>9}")
        processes = {length: [] for length in TRAINING}
        for round_number in range(1, ROUNDS + 1):
            for length, steps in TRAINING.items():
                processes[length].append(train(work, length, steps, round_number))
        rests, speeds = [], []
        for length, rows in processes.items():
            peak, loaded, borders, ids, rest, _ = max(rows, key=lambda row: row[4])
            rests.append(rest)
            speeds.append(statistics.median(row[5] for row in rows))
            print(f"{length:8} {peak:8.1f} {loaded:13.1f} {borders:14.1f} {ids:10.1f} {rest:8.1f} {speeds[-1]:9.0f}",
                  flush=True)

        print(f"\nEvaluation of one document (MB)\n{'tokens':>8} {'peak':>8} {'tokens/s':>9}")
        peaks = []
        for length in EVALUATION:
            peak, speed = evaluate(work, length)
            peaks.append(peak)
            print(f"{length:8} {peak:8.1f} {speed:9.0f}", flush=True)

        print()
        good = verdict("training, rest from 32K on", rests[1:], 0.10)
        good &= verdict("training, tokens/s", speeds, 0.15)
        good &= verdict("evaluation, peak", peaks, 0.05)
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
