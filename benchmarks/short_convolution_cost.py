#!/usr/bin/env python3
"""What a short convolution costs: a training step of one configuration with and without it, in turns.

usage: benchmarks/short_convolution_cost.py [CONFIG] [--width 4] [--turns 5] [--set KEY=VALUE…] [--infini build/release/infini]

Other work on the machine slows both alike, so what counts is the ratio of each turn. Prints that of every turn, and
their median.
"""
import argparse
import json
import statistics
import subprocess


def seconds_of_step(options, width):
    command = [options.infini, "bench", "--config", options.config, "--only", "step", "--json"]
    command += ["--rounds", str(options.rounds), "--threads", str(options.threads)]
    for setting in ["model.vocab_size=4000", *options.set, f"model.short_convolution={width}"]:
        command += ["--set", setting]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report["measurements"][0]["seconds"]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("config", nargs="?", default="configs/table2_small/books_infini_delta.yaml")
    options.add_argument("--width", type=int, default=4)
    options.add_argument("--turns", type=int, default=5)
    options.add_argument("--rounds", type=int, default=5, help="steps of a turn, of which the median counts")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options.add_argument("--infini", default="build/release/infini")
    options = options.parse_args()
    ratios = []
    for turn in range(options.turns):
        without, with_it = seconds_of_step(options, 0), seconds_of_step(options, options.width)
        ratios.append(with_it / without)
        print(f"turn {turn + 1}: {without:.3f} s without, {with_it:.3f} s with, ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
