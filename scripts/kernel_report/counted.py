"""What the traffic test counted: it executes each kernel on the CPU."""

import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import tempfile

PROGRAM = "build/release/test_kernels_race"
WIDTH = 128  # D and E


@dataclasses.dataclass
class Traffic:
    """Of one step at 4,096 tokens and one head in bfloat16."""
    needed_bytes: int
    needed_bytes_of_pieces: int
    moved_bytes: int
    requested_bytes: int
    shared_requests: int
    bank_conflicts: int


@dataclasses.dataclass
class Launch:
    """Of one step at 32,768 tokens and 8 heads."""
    kernel: str
    blocks: int
    threads: int
    shared_bytes: int
    needed_bytes: int
    operations: int
    state_operations: int


def launch_of(dtype, step, properties, kind="launch"):
    # The kernel as it is written where it is launched: (retrieve<T, D(), E()>)
    blocks, threads, shared_bytes, kernel = properties[f"{step}.{kind}"].split(" ", 3)
    kernel = re.sub(r"\bT\b", dtype, re.sub(r"\b[DE]\(\)", str(WIDTH), kernel.strip("()")))
    return Launch(kernel, int(blocks), int(threads), int(shared_bytes), int(properties[f"{step}.needed_bytes"]),
                  int(properties[f"{step}.needed_operations"]), int(properties[f"{step}.needed_state_operations"]))


def run_traffic_test():
    """→ {step: Traffic}, {dtype: {step: Launch}} and the latter where a block has little shared memory."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "traffic.json"
        subprocess.run([PROGRAM, "--gtest_filter=*AttentionTraffic*:AttentionLaunches*",
                        f"--gtest_output=json:{output}"], check=True, stdout=subprocess.DEVNULL)
        suites = json.loads(output.read_text())["testsuites"]
    traffic, launches, small_launches = {}, collections.defaultdict(dict), collections.defaultdict(dict)
    for test in (test for suite in suites for test in suite["testsuite"]):
        if test["classname"] == "Of/AttentionTraffic":
            step = test["name"].split("/")[1]
            traffic[step] = Traffic(**{field.name: int(test[field.name]) for field in dataclasses.fields(Traffic)})
        else:
            dtype = test["classname"].split("/")[1]
            for step in (key.removesuffix(".launch") for key in test if key.endswith(".launch")):
                launches[dtype][step] = launch_of(dtype, step, test)
                if f"{step}.small_launch" in test:  # else composed
                    small_launches[dtype][step] = launch_of(dtype, step, test, "small_launch")
    return traffic, launches, small_launches
