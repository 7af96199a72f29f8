"""Runs `infini tokenize`, from INFINI_PROGRAM or the checkout's release build."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = os.environ.get("INFINI_PROGRAM", str(HERE.parents[2] / "build" / "release" / "infini"))
sys.path.insert(0, str(HERE))


class Program:
    def __init__(self, folder):
        self.folder = folder

    def run(self, *arguments):
        """(exit code, standard error)"""
        result = subprocess.run([PROGRAM, "tokenize", *map(str, arguments)], capture_output=True, text=True, timeout=300)
        return result.returncode, result.stderr

    def ids(self, tokenizer, content):
        """The ids of a text or of bytes."""
        text, out = self.folder / "text", self.folder / "ids"
        text.write_bytes(content if isinstance(content, bytes) else content.encode())
        code, error = self.run("--tokenizer", tokenizer, "--file", text, "--out", out)
        assert code == 0, error
        return [int(word) for word in out.read_text().split()]

    def text(self, tokenizer, ids):
        """The bytes of ids."""
        file, out = self.folder / "ids", self.folder / "decoded"
        file.write_text(" ".join(map(str, ids)))
        code, error = self.run("--decode", "--tokenizer", tokenizer, "--file", file, "--out", out)
        assert code == 0, error
        return out.read_bytes()


@pytest.fixture
def program(tmp_path):
    if not os.path.exists(PROGRAM):
        pytest.skip(f"{PROGRAM} is not built")
    return Program(tmp_path)
