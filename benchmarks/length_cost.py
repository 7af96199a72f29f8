#!/usr/bin/env python3
"""What a training sequence costs by its length: tokens/s and peak memory of every kind of memory, in one run.

usage: benchmarks/length_cost.py [--rows ROW…] [--lengths 2048 8192 32768 131072] [--out FILE.json]
                                 [--folder configs/table2_small] [--infini build/release/infini]

Trains each configuration of the folder for two steps on one sequence of each length, chunk by chunk of 16 segments, and
reads the second step's record. Full attention has one chunk, the whole sequence. Padding counts as tokens: it is computed.
A length that takes longer than --limit seconds is left out, and so are the longer ones of that row.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROWS = ["local", "infini_linear", "infini_delta", "transformer_xl", "compressive", "memorizing", "rmt", "autocompressors",
        "full"]


def measure(options, row, length, folder):
    configuration = options.folder / f"{options.data}_{row}.yaml"
    settings = dict(name=f"{row}-{length}", output_folder=folder, train_length=length, batch_rows=1, steps=2,
                    segments_per_chunk=16, threads=options.threads)
    settings |= {"validation.every": 0, "schedule.warmup_steps": 1, "logging.gates_every": 1000}
    command = [options.infini, "train", configuration]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    try:
        subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=options.limit)
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        sys.exit(f"{row} at {length}: {error.stderr.strip().splitlines()[-1]}")
    record = json.loads((pathlib.Path(folder) / f"{row}-{length}" / "metrics.jsonl").read_text().splitlines()[-1])
    speed = record["tokens_per_second"] / (1 - record["padding_share"])
    return {"row": row, "length": length, "tokens_per_second": speed, "peak_memory_bytes": record["peak_memory_bytes"]}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", nargs="+", default=ROWS)
    options.add_argument("--lengths", nargs="+", type=int, default=[2048, 8192, 32768, 131072])
    options.add_argument("--folder", type=pathlib.Path, default="configs/table2_small")
    options.add_argument("--data", default="books", help="the first word of the configurations' names")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--limit", type=float, default=120, help="seconds for the two steps")
    options.add_argument("--infini", default="build/release/infini")
    options.add_argument("--out", type=pathlib.Path)
    options = options.parse_args()
    readings = []
    print(f"{'':<16}" + "".join(f"{length:>22}" for length in options.lengths))
    with tempfile.TemporaryDirectory() as folder:
        for row in options.rows:
            print(f"{row:<16}", end="", flush=True)
            for length in options.lengths:
                reading = measure(options, row, length, folder)
                if reading is None:
                    print(f"{'more than ' + format(options.limit, '.0f') + ' s':>22}", end="")
                    break
                readings.append(reading)
                cell = f"{reading['tokens_per_second']:.0f}/s, {reading['peak_memory_bytes'] / 2**20:.0f} MiB"
                print(f"{cell:>22}", end="", flush=True)
            print(flush=True)
    if options.out:
        options.out.write_text(json.dumps(readings, indent=2) + "\n")


if __name__ == "__main__":
    main()
