"""Small sources of each kind, and a way to run the scripts on them as a person does."""

import gzip
import json
import os
import pathlib
import subprocess
import sys

SCRIPTS = pathlib.Path(__file__).resolve().parents[3] / "data"


def run_script(name, *arguments, environment=None):
    return subprocess.run([sys.executable, SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})


def converted(name, *arguments):
    """What a script prints that must succeed."""
    done = run_script(name, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def refusal(name, *arguments):
    """The one line of a script that must refuse its input."""
    done = run_script(name, *arguments)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def make_pg19(folder, books, metadata=None):
    """A PG-19 folder from {"train/1": bytes}."""
    for split in ("train", "validation", "test"):
        (folder / split).mkdir(parents=True)
    for name, content in books.items():
        (folder / f"{name}.txt").write_bytes(content)
    if metadata is None:
        metadata = "".join(f'{name.split("/")[1]},"A book, of sorts",1900,http://example.org\n' for name in books)
    (folder / "metadata.csv").write_text(metadata, encoding="utf-8")
    return folder


ONE_BOOK_EACH = {"train/1": b"One book.\n", "validation/2": b"Another book.\n", "test/3": b"A third book.\n"}


def paper(arxiv_id, text, **meta):
    return {"text": text, "meta": {"timestamp": "2013-04-01T00:00:00", "yymm": "1304", "arxiv_id": arxiv_id,
                                   "language": "en", "url": f"https://arxiv.org/abs/{arxiv_id}", **meta}}


def json_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_json_lines(path, rows):
    content = json_lines(rows)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read_json_lines(folder):
    """{id: (split, text)} of a converted folder."""
    documents = {}
    for split in ("train", "validation", "test"):
        path = folder / f"{split}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            row = json.loads(line)
            assert row["id"] not in documents
            documents[row["id"]] = (split, row["text"])
    return documents


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())
