"""A folder that appears whole or not at all."""

import json
import os
import pathlib
import shutil
import tempfile

from command_line import WrongInput


class TextFiles:
    """SPLIT/ID.txt for each document, as PG-19 has it."""

    def __init__(self, folder):
        self._folder = folder

    def add(self, split, document):
        path = self._folder / split / f"{document.id}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(document.text.encode("utf-8"))

    def close(self):
        pass


class JsonLines:
    """SPLIT.jsonl with a line for each document: its id, its text, and what else is known of it."""

    def __init__(self, folder):
        self._folder = folder
        self._files = {}

    def add(self, split, document):
        if split not in self._files:
            self._files[split] = open(self._folder / f"{split}.jsonl", "w", encoding="utf-8", newline="\n")
        record = {"id": document.id, "text": document.text}
        if document.meta:
            record["meta"] = document.meta
        json.dump(record, self._files[split], ensure_ascii=False)
        self._files[split].write("\n")

    def close(self):
        for file in self._files.values():
            file.close()


class OutputFolder:
    """Is written beside its final name, as .NAME-….partial, and renamed by publish(). Without that it is removed.
    A process that is killed leaves the partial folder, and nothing under the final name."""

    def __init__(self, path, make_writer):
        self._path = pathlib.Path(os.path.abspath(path))
        self._make_writer = make_writer

    def __enter__(self):
        self._refuse_existing()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._partial = pathlib.Path(
                tempfile.mkdtemp(prefix=f".{self._path.name}-", suffix=".partial", dir=self._path.parent))
        except OSError as error:
            raise WrongInput(f"cannot write beside {self._path}: {error.strerror}; name another --out") from error
        # mkdtemp lets only the owner in; the result is as open as any other new folder.
        mask = os.umask(0)
        os.umask(mask)
        self._partial.chmod(0o777 & ~mask)
        self._writer = self._make_writer(self._partial)
        return self

    def add(self, split, document):
        try:
            self._writer.add(split, document)
        except OSError as error:  # that of a full disk names no file
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def publish(self):
        self._writer.close()
        os.sync()  # the content must be on the disk before the name is
        self._refuse_existing()
        os.rename(self._partial, self._path)

    def __exit__(self, *_):
        # Closing writes what is still in memory, which fails again on a full disk; the first error is the one to tell.
        try:
            self._writer.close()
        except OSError:
            pass
        shutil.rmtree(self._partial, ignore_errors=True)

    def _refuse_existing(self):
        if os.path.lexists(self._path):
            raise WrongInput(f"{self._path} is there already; name another --out, or remove it first")
