"""Checks the official PG-19 folder, and writes it as clean text for `infini prepare`.

    python data/convert_pg19.py deepmind-gutenberg --check
    python data/convert_pg19.py deepmind-gutenberg --out data/pg19

SOURCE has train/, validation/ and test/ with ID.txt files, and metadata.csv (id, title, year, address). The books keep
their split. Line ends become \\n; NUL and other control characters go. All that is changed or skipped is counted.
"""

import csv

from command_line import WrongInput, parser_of, progress, run
from conversion import SPLITS, Document, convert
from output_folder import TextFiles


def ids_in_metadata(path):
    ids = set()
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        try:
            for row in rows:
                is_heading = rows.line_num == 1 and row and not row[0].isdigit()
                if not row or is_heading:
                    continue
                if len(row) not in (3, 4) or not row[0].isdigit():
                    raise WrongInput(f"{path}:{rows.line_num}: expected id, title, year and address, found {len(row)} "
                                     f"fields that begin with {row[0]!r}")
                ids.add(row[0])
        except (csv.Error, UnicodeDecodeError) as error:
            raise WrongInput(f"{path}:{rows.line_num + 1}: not readable as CSV in UTF-8: {error}") from error
    return ids


def read(source, other_encoding, conversion):
    if not source.is_dir():
        raise WrongInput(f"no such folder: {source}")
    for split in SPLITS:
        if not (source / split).is_dir():
            raise WrongInput(f"{source} has no folder {split}/; PG-19 has train/, validation/, test/ and metadata.csv")
    metadata = source / "metadata.csv"
    known = ids_in_metadata(metadata) if metadata.exists() else None
    if known is None:
        conversion.noted.add("missing file, so nothing tells whether all books are there", str(metadata))

    found = set()
    for split in reversed(SPLITS):  # of a book that is there twice, the held-out one stays
        progress(f"reading {source / split}")
        for path in sorted((source / split).iterdir()):
            place = f"{split}/{path.name}"
            if not path.is_file() or path.suffix != ".txt" or not path.stem.isdigit():
                conversion.skipped.add("no book by its name, which should be ID.txt", place)
                continue
            found.add(path.stem)
            if known is not None and path.stem not in known:
                conversion.noted.add("kept, but not in metadata.csv", place)
            text = conversion.decode(path.read_bytes(), place, other_encoding)
            if text is not None:
                conversion.add(Document(path.stem, text, place, split))
    for identifier in sorted((known or set()) - found, key=int):
        conversion.noted.add("in metadata.csv, but not in any folder", identifier)


def main():
    parser = parser_of(__doc__, None)
    parser.add_argument("--other-encoding", choices=("windows-1252", "latin-1"),
                        help="how to read a book that is no UTF-8 (default: it is a bad record)")
    options = parser.parse_args()
    convert(options, TextFiles, lambda conversion: read(options.source, options.other_encoding, conversion))


if __name__ == "__main__":
    run(main)
