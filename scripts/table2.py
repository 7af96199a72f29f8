#!/usr/bin/env python3
"""Runs a whole Table 2: trains every row, and evaluates it. What is finished is skipped, so run it again at any time.

usage: scripts/table2.py FOLDER [--rows ROW…] [--jobs 2] [--records FOLDER] [--infini build/release/infini]

FOLDER is configs/table2 or configs/table2_small. Its rows.txt names the rows and their seeds, in the order in which they
are run: `books_infini_delta 0 1 2`. A run is called ROW-seedN, and stays in the output_folder of its configuration. There
the script writes evaluation.json, evaluation-no-memory.json and recall.json; `infini tables` and `infini report` read them.

--records copies what these two need, without the weights, to FOLDER/ROW-seedN. A row that has a record there is finished,
also on another machine.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

METRICS_EVERY = 10  # steps between the lines of metrics.jsonl that a record keeps


class Failed(Exception):
    """A run whose program failed, in words."""


def planned_runs(folder, rows):
    """[(row, seed)] in the order of rows.txt: all first seeds, then all second ones."""
    lines = [line.split("#")[0].split() for line in (folder / "rows.txt").read_text().splitlines()]
    plan = {line[0]: [int(seed) for seed in line[1:]] for line in lines if line}
    for row in rows or []:
        if row not in plan:
            print(f"{folder}/rows.txt has no row {row}; it has {', '.join(plan)}", file=sys.stderr)
            sys.exit(2)
    wanted = rows or list(plan)
    by_turn = sorted((turn, wanted.index(row), row, seed) for row in wanted for turn, seed in enumerate(plan[row]))
    return [(row, seed) for _, _, row, seed in by_turn]


def value_of(config, key):
    """A `key: value` of a run's resolved config.yaml; keys of sections by their path, "data.path"."""
    section, _, name = key.rpartition(".")
    inside = not section
    for line in config.read_text().splitlines():
        if section and not line.startswith(" "):
            inside = line.startswith(section + ":")
        if inside and line.strip().startswith(name + ":") and line.startswith(" ") == bool(section):
            return line.split(":", 1)[1].strip().strip("\"'")
    raise Failed(f"{config} has no {key}")


def newest_checkpoint(folder):
    steps = [path for path in (folder / "checkpoints").iterdir() if path.name.removeprefix("step-").isdigit()]
    return max(steps, key=lambda path: int(path.name.removeprefix("step-")))


class Table:
    def __init__(self, options):
        self.options = options
        self.stopped = threading.Event()
        self.processes = set()
        self.lock = threading.Lock()

    def stop(self, *_):
        """Asks the running programs to end; training then writes a checkpoint."""
        self.stopped.set()
        with self.lock:
            for process in self.processes:
                process.send_signal(signal.SIGTERM)

    def call(self, arguments, log):
        environment = dict(os.environ, OMP_NUM_THREADS=str(self.options.threads))
        with log.open("ab") as output, self.lock:
            if self.stopped.is_set():
                raise Failed("stopped")
            process = subprocess.Popen([self.options.infini, *map(str, arguments)], stdout=output, stderr=output,
                                       env=environment, start_new_session=True)
            self.processes.add(process)
        code = process.wait()
        with self.lock:
            self.processes.discard(process)
        if self.stopped.is_set():
            raise Failed("stopped; run the same command to go on")
        if code != 0:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise Failed(f"infini {arguments[0]} ended with {code}: {' '.join(last)} (see {log})")

    def run(self, row, seed):
        name = f"{row}-seed{seed}"
        record = self.options.records / name if self.options.records else None
        if record and (record / "evaluation.json").exists():
            return f"{name}: there is a record"
        configuration = self.options.folder / f"{row}.yaml"
        settings = ["--set", f"name={name}", "--set", f"seed={seed}", *(f"--set={text}" for text in self.options.set)]
        folder = self.options.runs / name
        self.options.runs.mkdir(parents=True, exist_ok=True)
        log = self.options.runs / f"{name}.log"
        # A resumed run that is finished does nothing.
        self.call(["train", configuration, "--resume", "--set", f"output_folder={self.options.runs}", *settings], log)
        data = pathlib.Path(value_of(folder / "config.yaml", "data.path"))
        self.evaluate(folder, data, log)
        if record:
            self.keep(folder, record)
        perplexity = json.loads((folder / "evaluation.json").read_text())["perplexity"]
        return f"{name}: perplexity {perplexity:.3f}"

    def evaluate(self, folder, data, log):
        # Each row sees as much as in training.
        window = value_of(folder / "config.yaml", "train_length")
        common = ["eval", "--checkpoint", folder, "--data", data / "test", "--window", window]
        self.once(folder / "evaluation.json", common, log)
        recall = [*common, "--recall", data, "--recall-segment", self.options.recall_segment]
        if json.loads((folder / "evaluation.json").read_text())["memory"]:
            self.once(folder / "evaluation-no-memory.json", [*common, "--no-memory"], log)
            recall.append("--also-no-memory")
        self.once(folder / "recall.json", recall, log)

    def once(self, file, arguments, log):
        if not file.exists():
            self.call([*arguments, "--out", file], log)

    def keep_sizes(self, checkpoint, into):
        """Keeps what tells the model's sizes: its config, and the header of the weights with all names and shapes."""
        kept = into / checkpoint.name
        kept.mkdir(parents=True)
        shutil.copy(checkpoint / "config.json", kept)
        with (checkpoint / "model.safetensors").open("rb") as weights:
            length = weights.read(8)
            header = weights.read(int.from_bytes(length, "little"))
        (kept / "model.safetensors").write_bytes(length + header)

    def keep(self, folder, record):
        """The record appears whole: it is made beside, then renamed. Paths in it are relative: it may go to another place."""
        here = f"{pathlib.Path.cwd()}/"
        beside = record.with_name(record.name + ".partial")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for file in ("config.yaml", "evaluation.json", "evaluation-no-memory.json", "recall.json"):
            if (folder / file).exists():
                (beside / file).write_text((folder / file).read_text().replace(here, ""))
        self.keep_sizes(newest_checkpoint(folder), beside / "checkpoints")
        lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
        kept = [line for number, line in enumerate(lines, 1)
                if number % METRICS_EVERY == 0 or number == len(lines) or '"validation"' in line]
        (beside / "metrics.jsonl").write_text("".join(kept))
        shutil.rmtree(record, ignore_errors=True)
        beside.rename(record)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=pathlib.Path, help="configs/table2_small or configs/table2")
    options.add_argument("--rows", nargs="+", metavar="ROW", help="only these")
    options.add_argument("--jobs", type=int, default=1, help="rows at the same time")
    options.add_argument("--threads", type=int, default=1, help="of each job")
    options.add_argument("--runs", type=pathlib.Path, help="where the runs are; default runs/NAME-OF-FOLDER")
    options.add_argument("--records", type=pathlib.Path, help="where finished runs are kept without their weights")
    options.add_argument("--recall-segment", default="64", help="tokens of a segment in recall by distance")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to infini train")
    options.add_argument("--infini", default="build/release/infini", help="the program")
    options = options.parse_args()
    options.runs = options.runs or pathlib.Path("runs") / options.folder.name
    if not (options.folder / "rows.txt").exists():
        print(f"{options.folder} has no rows.txt; give configs/table2_small or configs/table2", file=sys.stderr)
        return 2
    table = Table(options)
    signal.signal(signal.SIGTERM, table.stop)
    signal.signal(signal.SIGINT, table.stop)
    plan = planned_runs(options.folder, options.rows)
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(table.run, row, seed): f"{row}-seed{seed}" for row, seed in plan}
        for future in concurrent.futures.as_completed(futures):
            try:
                print(future.result(), flush=True)
            except Failed as failure:
                failures += 1
                if not table.stopped.is_set():
                    print(f"{futures[future]}: {failure}", file=sys.stderr, flush=True)
    if table.stopped.is_set():
        print("stopped; run the same command to go on", file=sys.stderr)
        return 3
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
