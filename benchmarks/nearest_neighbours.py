#!/usr/bin/env python3
"""The search of the Memorizing Transformer: blocked matrix products with top-k against FAISS's exact index.

usage: nearest_neighbours.py [--slots 65536] [--queries 2048] [--heads 8] [--width 128] [--neighbours 32] [--rounds 3]

Both search the same unit vectors for each head's `neighbours` largest dot products, and must find the same. The matrix
products go block by block of queries, as csrc/model/memorizing.cpp does. Prints the median time of each, and how much
memory the search adds to the vectors themselves. FAISS (faiss-cpu) is needed here alone.
"""
import argparse
import statistics
import time

import faiss
import numpy
import torch

SCORES_AT_ONCE = 1 << 25


def by_products(queries, keys, neighbours):
    """queries [H, n, D], keys [H, N, D] → the places [H, n, k] of the largest products."""
    step = max(1, SCORES_AT_ONCE // (keys.shape[0] * keys.shape[1]))
    transposed = keys.transpose(1, 2)
    parts = [(part @ transposed).topk(neighbours, sorted=False).indices for part in queries.split(step, dim=1)]
    return torch.cat(parts, 1)


def by_faiss(queries, keys, neighbours):
    """The same with one IndexFlatIP a head, filled anew, since the slots change with every segment."""
    places = []
    for query, key in zip(queries.numpy(), keys.numpy()):
        index = faiss.IndexFlatIP(key.shape[1])
        index.add(key)
        places.append(index.search(query, neighbours)[1])
    return torch.from_numpy(numpy.stack(places))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in dict(slots=65536, queries=2048, heads=8, width=128, neighbours=32, rounds=3).items():
        options.add_argument("--" + name, type=int, default=default)
    options = options.parse_args()
    torch.manual_seed(0)
    unit = lambda *sizes: torch.nn.functional.normalize(torch.randn(*sizes), dim=-1)
    keys = unit(options.heads, options.slots, options.width)
    queries = unit(options.heads, options.queries, options.width)
    faiss.omp_set_num_threads(torch.get_num_threads())

    times = {by_products: [], by_faiss: []}
    found = {}
    for _ in range(options.rounds):
        for search in times:
            begin = time.perf_counter()
            found[search] = search(queries, keys, options.neighbours)
            times[search].append(time.perf_counter() - begin)
    same = (found[by_products].sort(-1).values == found[by_faiss].sort(-1).values).float().mean().item()
    products, index = statistics.median(times[by_products]), statistics.median(times[by_faiss])
    print(f"{options.heads} heads x {options.queries} queries x {options.slots} slots x {options.width}, "
          f"{options.neighbours} neighbours, {torch.get_num_threads()} threads")
    print(f"matrix products and top-k  {products:.2f} s")
    print(f"FAISS IndexFlatIP          {index:.2f} s, {index / products:.2f}x")
    print(f"the same neighbours        {100 * same:.4f}%")
    print(f"beside the vectors         {SCORES_AT_ONCE * 4 / 2**20:.0f} MiB of scores; FAISS: "
          f"a copy of the keys, {keys.numel() * 4 / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
