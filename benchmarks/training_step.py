#!/usr/bin/env python3
"""Times a training step (forward, backward, AdamW) of infini against PyPI's infini-transformer-pytorch, same sizes.

usage: .venv/bin/python benchmarks/training_step.py [--infini build/release/infini] [--rounds 3] [--steps 4]
Needs `pip install infini-transformer-pytorch`. Width 512, 2 layers, 4 heads x 128, 256 tokens of vocabulary, one row of
8192 tokens in segments of 2048. The contenders take turns, round after round; each step's first two in a round warm up.
Prints the median of tokens/s and the peer's time over ours.
"""
import argparse
import json
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

TOKENS, SEGMENT, WIDTH, LAYERS, HEADS, HEAD_WIDTH, VOCABULARY = 8192, 2048, 512, 2, 4, 128, 256
FEED_FORWARD = int(4 * WIDTH * 2 / 3)  # the peer's own choice
WARM_UP = 2

CONFIG = f"""
steps: 1
train_length: {TOKENS}
segments_per_chunk: {TOKENS // SEGMENT}
model:
  hidden_size: {WIDTH}
  intermediate_size: {FEED_FORWARD}
  num_hidden_layers: {LAYERS}
  num_attention_heads: {HEADS}
  head_dim: {HEAD_WIDTH}
  tie_word_embeddings: false
  memory:
    segment_length: {SEGMENT}
    update: linear
logging:
  gates_every: 1000000
validation:
  every: 0
"""


def prepare(infini, folder):
    letters = random.Random(0).choices("abcdefghijklmnopqrstuvwxyz ", k=20 * TOKENS)
    (folder / "text.txt").write_text("".join(letters))
    subprocess.run([infini, "prepare", "--source", folder / "text.txt", "--out", folder / "tokens"], check=True,
                   capture_output=True)
    (folder / "config.yaml").write_text(CONFIG)


def ours(infini, folder, precision, steps, threads, name):
    command = [infini, "train", folder / "config.yaml"]
    for setting in (f"name={name}", f"output_folder={folder}", f"data.path={folder}/tokens", f"precision={precision}",
                    f"steps={steps + WARM_UP}", f"threads={threads}"):
        command += ["--set", setting]
    subprocess.run(command, check=True, capture_output=True)
    lines = (folder / name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["tokens_per_second"] for line in lines[WARM_UP:]]


def peer(steps):
    from infini_transformer_pytorch import InfiniTransformer
    model = InfiniTransformer(num_tokens=VOCABULARY, dim=WIDTH, depth=LAYERS, dim_head=HEAD_WIDTH, heads=HEADS)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    tokens = torch.randint(0, VOCABULARY, (1, TOKENS + 1))
    speeds = []
    for _ in range(steps + WARM_UP):
        begin = time.perf_counter()
        memories, loss = None, 0.0
        for start in range(0, TOKENS, SEGMENT):
            logits, _, memories = model(tokens[:, start:start + SEGMENT], past_memories=memories,
                                        return_new_memories=True)
            loss = loss + F.cross_entropy(logits.flatten(0, 1), tokens[0, start + 1:start + SEGMENT + 1],
                                          reduction="sum")
        (loss / TOKENS).backward()
        optimizer.step()
        optimizer.zero_grad()
        speeds.append(TOKENS / (time.perf_counter() - begin))
    return speeds[WARM_UP:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infini", default=Path(__file__).parent.parent / "build/release/infini", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    infini = options.infini.resolve()
    speeds = {"infini float32": [], "infini bfloat16": [], "peer float32": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(infini, folder)
        for number in range(options.rounds):
            for precision in ("float32", "bfloat16"):
                speeds[f"infini {precision}"] += ours(infini, folder, precision, options.steps, options.threads,
                                                      f"{precision}-{number}")
            speeds["peer float32"] += peer(options.steps)
    medians = {contender: statistics.median(values) for contender, values in speeds.items()}
    for contender, median in medians.items():
        ratio = median / medians["peer float32"]
        print(f"{contender:16} {median:8.0f} tokens/s, {ratio:.2f}x the peer's")


if __name__ == "__main__":
    main()
