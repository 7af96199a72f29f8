#!/usr/bin/env python3
"""Shows which share of the machine's peak in matrix products infini::attention reaches, forward and backward.

usage: .venv/bin/python benchmarks/attention_share.py [--tokens 8192] [--segment 2048] [--heads 8] [--dim 128]
The peak is the fastest run of torch's 2048 x 2048 x 2048 product in the same dtype, in turns with ours. Counted are
seven products of N·L/2·D for local attention, and N·D² each for the memory (seven for linear, eleven for delta).
"""
import argparse
import statistics
import time
from pathlib import Path

import torch

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
for name, value in (("tokens", 8192), ("segment", 2048), ("heads", 8), ("dim", 128), ("rounds", 7)):
    parser.add_argument(f"--{name}", type=int, default=value)
options = parser.parse_args()
torch.ops.load_library(str(Path(__file__).parent.parent / "build/release/libinfini_ops.so"))
N, L, H, D = options.tokens, options.segment, options.heads, options.dim
cos, sin = torch.rand(2, L, D).unbind()


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


for dtype in (torch.float32, torch.bfloat16):
    square = torch.randn(2048, 2048).to(dtype)
    for update, memory_products in (("linear", 7), ("delta", 11)):
        q, k, v = (torch.randn(1, H, N, D).to(dtype).requires_grad_() for _ in range(3))
        beta = torch.zeros(H, requires_grad=True)
        gradient = torch.randn(1, H, N, D).to(dtype)

        def step():
            out = torch.ops.infini.attention(q, k, v, beta, torch.zeros(1, H, D, D), torch.zeros(1, H, D), cos, sin, L,
                                             update)[0]
            out.backward(gradient)

        ours, peak = [], []
        for number in range(options.rounds + 1):
            times = seconds(step), seconds(lambda: square @ square)
            if number > 0:
                ours.append(times[0])
                peak.append(times[1])
        operations = 2 * H * N * (7 * L / 2 * D + memory_products * D * D)
        speed, best = operations / statistics.median(ours) / 1e9, 2 * 2048**3 / min(peak) / 1e9
        print(f"{str(dtype)[6:]:9} {update:7} {speed:5.0f} GFLOP/s, {speed / best:.0%} of torch's matrix product ({best:.0f})")
