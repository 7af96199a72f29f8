"""A conversion that is killed while it writes."""

import pathlib
import re
import signal
import subprocess
import sys

import pytest
from made_sources import SCRIPTS, json_lines, names_in, paper

# Converts as the script does, but says when it has written a document, and then waits.
PAUSED = """
import sys, time
sys.path.insert(0, sys.argv.pop(1))
import convert_arxiv, command_line, output_folder
add = output_folder.JsonLines.add
def add_and_wait(self, split, document):
    add(self, split, document)
    print("at work", flush=True)
    time.sleep(60)
output_folder.JsonLines.add = add_and_wait
command_line.run(convert_arxiv.main)
"""


def start(tmp_path, ignored=()):
    """A conversion that has written its first document."""
    (tmp_path / "x.jsonl").write_bytes(json_lines([paper("1304.0001", "a"), paper("1304.0002", "b")]))

    def set_signals():  # pytest's own may be ignored, as in a job in the background
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    process = subprocess.Popen([sys.executable, "-c", PAUSED, SCRIPTS, tmp_path / "x.jsonl", "--out", tmp_path / "out"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=set_signals)
    assert process.stdout.readline() == "at work\n"
    return process


@pytest.mark.parametrize("number, code, left", [
    (signal.SIGKILL, -signal.SIGKILL, 1), (signal.SIGTERM, 128 + signal.SIGTERM, 0),
    (signal.SIGINT, 128 + signal.SIGINT, 0), (signal.SIGHUP, 128 + signal.SIGHUP, 0),
])
def test_nothing_has_the_final_name(tmp_path, number, code, left):
    process = start(tmp_path)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in told
    partial = [name for name in names_in(tmp_path) if name != "x.jsonl"]
    assert len(partial) == left
    assert all(name.startswith(".out-") and name.endswith(".partial") for name in partial)


@pytest.mark.parametrize("ignored", [True, False])
def test_a_closed_terminal_is_ignored_under_nohup_alone(tmp_path, ignored):
    process = start(tmp_path, ignored=[signal.SIGHUP] if ignored else [])
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    mask = int(re.search(r"^SigIgn:\s*(\w+)$", status, re.MULTILINE)[1], 16)
    process.kill()
    process.communicate(timeout=30)
    assert bool(mask >> (signal.SIGHUP - 1) & 1) == ignored


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(json_lines([paper("1304.0001", "a" * (1 << 20))]))
    command = [sys.executable, SCRIPTS / "convert_arxiv.py", tmp_path / "x.jsonl", "--out", tmp_path / "out"]
    # No file may become larger than 64 KB; Python ignores the signal and gets an error.
    done = subprocess.run(["bash", "-c", 'ulimit -f 64; exec "$0" "$@"', *command], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "/out" in done.stderr
    assert names_in(tmp_path) == ["x.jsonl"]
