"""Writes one column of Parquet files as JSON lines for `infini prepare`. Needs the package pyarrow.

    python data/convert_parquet.py pg19-parquet --text-column text --id-column short_book_title --check
    python data/convert_parquet.py articles --text-column article --out data/articles

SOURCE is files or folders of .parquet. A file or folder whose name begins with train, validation or test
(train-00000-of-00010.parquet) keeps that split. The files are read a row group at a time.
"""

import importlib.util

from command_line import WrongInput, add_held_out, parser_of, progress, run
from conversion import Document, convert, files_with_splits, id_of_text
from output_folder import JsonLines

ROWS = 64  # a document may be a whole book


def open_parquet(path):
    import pyarrow
    import pyarrow.parquet
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise WrongInput(f"{path}: no whole Parquet file: {error}") from None


def require_columns(path, schema, options):
    import pyarrow
    for option, name in (("--text-column", options.text_column), ("--id-column", options.id_column)):
        if name is not None and schema.names.count(name) != 1:
            raise WrongInput(f'{path} has no column "{name}"; '
                             f"name one of these with {option}: {', '.join(schema.names)}")
    kind = schema.field(options.text_column).type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    text_kinds = (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_binary,
                  pyarrow.types.is_large_binary)
    if not any(is_kind(kind) for is_kind in text_kinds):
        raise WrongInput(f'{path}: column "{options.text_column}" holds {kind} and no text; '
                         "name another with --text-column")


def rows_of(path, options):
    """Pairs of a row's number, from 1, and its values by column."""
    import pyarrow
    file = open_parquet(path)
    require_columns(path, file.schema_arrow, options)
    columns = [name for name in (options.text_column, options.id_column) if name is not None]
    number = 0
    try:
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(batch_size=ROWS, row_groups=[group], columns=columns):
                # As bytes: a string column of a broken file is not always UTF-8.
                texts = batch.column(options.text_column)
                if pyarrow.types.is_dictionary(texts.type):
                    texts = texts.dictionary_decode()
                texts = texts.cast(pyarrow.large_binary())
                ids = batch.column(options.id_column) if options.id_column is not None else None
                for row in range(batch.num_rows):
                    number += 1
                    yield number, texts[row].as_py(), None if ids is None else ids[row].as_py()
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise WrongInput(f"{path}: cannot be read behind row {number}: {error}") from None


def read(options, conversion):
    for path, split in files_with_splits(options.source, (".parquet",)):
        progress(f"reading {path}")
        for number, content, identifier in rows_of(path, options):
            place = f"{path}, row {number}"
            if content is None:
                conversion.skipped.add("no text", place)
                continue
            text = conversion.decode(content, place)
            if text is not None:
                identifier = id_of_text(text) if identifier in (None, "") else str(identifier)
                conversion.add(Document(identifier, text, place, split))


def main():
    parser = parser_of(__doc__, "+")
    add_held_out(parser)
    parser.add_argument("--text-column", default="text", metavar="NAME", help="the column of the text (default: text)")
    parser.add_argument("--id-column", metavar="NAME",
                        help="a column that tells documents apart (default: the text itself, so equal texts are one)")
    options = parser.parse_args()
    if not importlib.util.find_spec("pyarrow"):
        raise WrongInput("reading Parquet needs the package pyarrow, and this Python lacks it; "
                         "run `pip install pyarrow`")
    convert(options, JsonLines, lambda conversion: read(options, conversion))


if __name__ == "__main__":
    run(main)
