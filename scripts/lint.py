#!/usr/bin/env python3
"""Checks all C++ and CUDA files with clang-format and clang-tidy, by the rules in .clang-format and .clang-tidy.

usage: scripts/lint.py [FOLDER...]     after scripts/setup.sh all; without a folder it checks csrc and tests, which takes
                                       a quarter of an hour on 2 cores

Exit code 1 if anything is found. Both tools come from PyPI into .venv: Debian 12's clang-tidy does not know C++20's
captured bindings. clang-tidy checks the host side of CUDA files, which the tests compile; the rest is only formatted.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "lint"
TOOLS = ROOT / ".venv" / "bin"
SEPARATE = ["tests/ops/cuda"]  # different files define the same names; none includes torch
VERSIONS = ["clang-format==14.0.6", "clang-tidy==19.1.0.1"]


def files_below(folders, *suffixes):
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.splitlines() if name.endswith(suffixes)]


def compile_command(entry):
    """GCC's command without its precompiled header, which clang cannot read, and with GCC's omp.h, which clang-tidy lacks."""
    words = [word for word in shlex.split(entry["command"]) if word != "-Winvalid-pch"]
    if "-include" in words:
        at = words.index("-include")
        del words[at:at + 2]
    compiler = words[0]
    include = subprocess.run([compiler, "-print-file-name=include"], check=True, capture_output=True, text=True).stdout
    return [*words, "-idirafter", include.strip(), "-D__malloc__(deallocator)="]


def write_database(sources):
    """Makes one file for each folder, since torch's headers take clang-tidy half a minute; returns the files' names."""
    commands = {}
    for entry in json.loads((ROOT / "build" / "release" / "compile_commands.json").read_text()):
        unity = pathlib.Path(entry["file"])
        compiled = re.findall(r'#include "(.*)"', unity.read_text()) if "Unity" in unity.parts else [entry["file"]]
        for name in compiled:
            commands.setdefault(os.path.relpath(name, ROOT), (entry["file"], entry))
    groups, database = {}, []
    for source in sources:
        if source in commands:
            folder, name = os.path.split(source)
            groups.setdefault(f"{folder}/{name}" if folder in SEPARATE else folder + ".cpp", []).append(source)
    for group, members in groups.items():
        group = WORK / group.replace("/", "-")
        group.write_text("".join(f'#include "{ROOT / member}"\n' for member in members))
        file, entry = commands[members[0]]
        arguments = [str(group) if word == file else word for word in compile_command(entry)]
        database.append({"directory": entry["directory"], "file": str(group), "arguments": arguments})
    (WORK / "compile_commands.json").write_text(json.dumps(database, indent=1))
    return [entry["file"] for entry in database]


def tidy(group):
    result = subprocess.run([TOOLS / "clang-tidy", "-p", WORK, "--quiet", "--checks=-bugprone-suspicious-include",
                             f"--config-file={ROOT / '.clang-tidy'}", group], capture_output=True, text=True)
    return result.returncode, result.stdout


def main():
    folders = sys.argv[1:] or ["csrc", "tests"]
    WORK.mkdir(parents=True, exist_ok=True)
    subprocess.run([TOOLS / "python", "-m", "pip", "install", "--quiet", *VERSIONS], check=True)
    failed = subprocess.run([TOOLS / "clang-format", "--dry-run", "-Werror",
                             *files_below(folders, ".h", ".cpp", ".cu", ".cuh")], cwd=ROOT).returncode != 0
    groups = write_database(files_below(folders, ".cpp"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for group, (code, findings) in zip(groups, pool.map(tidy, groups)):
            print(f"{'found' if code else 'clean'}  {os.path.relpath(group, WORK)}", flush=True)
            if code:
                print(findings, flush=True)
            failed |= code != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
