"""Writes RedPajama's arXiv papers as JSON lines for `infini prepare`, all of them or some categories.

    python data/convert_arxiv.py redpajama/arxiv --check
    python data/convert_arxiv.py redpajama/arxiv --categories math --metadata arxiv-metadata-oai-snapshot.json \\
        --out data/arxiv-math

SOURCE is files or folders of .jsonl, .jsonl.gz or .jsonl.zst. A line has "text", and in "meta" an "arxiv_id".
A paper's categories come from its "meta"; else from arXiv's own metadata; else, for an id before April 2007, from the
id (math/0309136). A category names an archive (math) or one class of it (math.AG). A paper is kept if one of its
categories is wanted.
"""

import json
import pathlib
import re

from command_line import WrongInput, add_held_out, parser_of, progress, run
from conversion import Document, convert, files_with_splits, id_of_text
from json_lines import BrokenFile, lines_of
from output_folder import JsonLines

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
# Archives of the nineties that later became classes of math.
ONCE_APART = {"alg-geom": "math.AG", "dg-ga": "math.DG", "funct-an": "math.FA", "q-alg": "math.QA"}


def plain_id(identifier):
    """One way of writing for each paper: math.AG/0309136v2 and math0309136 are math/0309136."""
    text = re.sub(r"^(https?://arxiv\.org/abs/|arxiv:)", "", identifier.strip(), flags=re.IGNORECASE)
    text = re.sub(r"v\d+$", "", text)
    old = re.fullmatch(r"([a-z-]+)(\.[a-zA-Z-]+)?/?(\d{7})", text)
    return f"{old[1]}/{old[3]}" if old else text


def words_of(categories):
    if isinstance(categories, str):
        return categories.replace(",", " ").split()
    if isinstance(categories, list) and all(isinstance(category, str) for category in categories):
        return [word for category in categories for word in category.split()]
    return []


def is_wanted(categories, wanted):
    return any(category == name or category.startswith(name + ".") for category in categories for name in wanted)


def verdicts_of_metadata(path, wanted):
    """Whether each paper of arXiv's metadata is in a wanted category."""
    if not path.is_file():
        raise WrongInput(f"no such file: {path}; --metadata is arXiv's metadata, a JSON object a line")
    verdicts = {}
    try:
        for number, line in lines_of(path):
            try:
                row = json.loads(line)
                verdicts[plain_id(row["id"])] = is_wanted(words_of(row["categories"]), wanted)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                expected = '{"id": "0704.0001", "categories": "math.AG hep-th", …}'
                raise WrongInput(f"{path}:{number}: expected {expected}") from None
    except BrokenFile as error:
        raise WrongInput(f"{path}: {error}") from None
    return verdicts


def parse(line, place, conversion):
    """The object of a line; None if it is broken."""
    content = conversion.decode(line, place)
    if content is None:
        return None
    try:
        row = json.loads(content.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        return conversion.bad(place, f"no JSON: {error}")
    if not isinstance(row, dict) or "text" not in row:
        return conversion.bad(place, 'no JSON object with a "text"')
    if not isinstance(row["text"], str):
        return conversion.bad(place, '"text" is no string')
    return row


class Filter:
    def __init__(self, options):
        self._wanted = options.categories
        self._drop = options.without_metadata == "drop"
        self._verdicts = verdicts_of_metadata(options.metadata, self._wanted) if options.metadata else {}

    def reason_to_skip(self, identifier, row, meta):
        """Why a paper is left out, and why it is kept although nothing is known about it: two reasons or None."""
        if self._wanted is None:
            known = identifier is not None
        else:
            categories = words_of(meta.get("categories")) or words_of(row.get("categories"))
            known, wanted = self._judge(categories, identifier)
            if known:
                return (None if wanted else f"in no category of {', '.join(self._wanted)}"), None
        if known:
            return None, None
        lack = "without an arxiv_id" if identifier is None else "without a known category"
        return (lack, None) if self._drop else (None, f"kept, though {lack}")

    def _judge(self, categories, identifier):
        if categories:
            return True, is_wanted(categories, self._wanted)
        if identifier in self._verdicts:
            return True, self._verdicts[identifier]
        archive, slash, _ = (identifier or "").partition("/")
        if slash:
            return True, is_wanted([ONCE_APART.get(archive, archive)], self._wanted)
        return False, False


def read(options, conversion):
    filter_ = Filter(options)
    for path, split in files_with_splits(options.source, ENDINGS):
        progress(f"reading {path}")
        try:
            for number, line in lines_of(path):
                place = f"{path}:{number}"
                row = parse(line, place, conversion)
                if row is None:
                    continue
                meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
                arxiv_id = meta.get("arxiv_id")
                arxiv_id = plain_id(arxiv_id) if isinstance(arxiv_id, str) and arxiv_id.strip() else None
                skip, kept = filter_.reason_to_skip(arxiv_id, row, meta)
                if skip:
                    conversion.skipped.add(skip, place)
                    continue
                if kept:
                    conversion.noted.add(kept, place)
                own_id = row.get("id") if isinstance(row.get("id"), str) and row.get("id") else None
                identifier = arxiv_id or own_id or id_of_text(row["text"])
                conversion.add(Document(identifier, row["text"], place, split, meta))
        except BrokenFile as error:
            conversion.bad(str(path), str(error))


def main():
    parser = parser_of(__doc__, "+")
    add_held_out(parser)
    parser.add_argument("--categories", type=words_of, metavar="NAME,…",
                        help="keep only papers in one of these, as in math or math.AG,math.NT (default: all papers)")
    parser.add_argument("--metadata", type=pathlib.Path, metavar="FILE",
                        help="arXiv's own metadata, a JSON object a line; may be compressed")
    parser.add_argument("--without-metadata", choices=("keep", "drop"), default="drop",
                        help="what to do about a paper without a known category, or, where --categories is not given, "
                        "without an arxiv_id (default: drop)")
    options = parser.parse_args()
    if options.metadata and not options.categories:
        raise WrongInput("--metadata tells categories, so it needs --categories, as in --categories math")
    convert(options, JsonLines, lambda conversion: read(options, conversion))


if __name__ == "__main__":
    run(main)
