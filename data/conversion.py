"""What all conversions share: clean text, a split for each document, and counts."""

import dataclasses
import hashlib
import re

from command_line import WrongInput
from output_folder import OutputFolder

SPLITS = ("train", "validation", "test")
OTHER_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}
EXAMPLES = 3
# Control characters that carry no text; tab, line end, vertical tab and form feed part words, so they stay.
CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")


@dataclasses.dataclass
class Document:
    id: str
    text: str
    place: str  # where it was read: "train/12.txt", "arxiv_0.jsonl:7"
    split: str | None = None  # None: by the hash of the id
    meta: dict | None = None


@dataclasses.dataclass
class Size:
    documents: int = 0
    bytes: int = 0
    characters: int = 0
    words: int = 0


class Examples:
    """Counts events by reason, and keeps the places of the first ones."""

    def __init__(self):
        self._by_reason = {}

    def add(self, reason, place):
        count, places = self._by_reason.get(reason, (0, []))
        self._by_reason[reason] = (count + 1, places if count >= EXAMPLES else [*places, place])

    def lines(self):
        for reason, (count, places) in sorted(self._by_reason.items(), key=lambda item: -item[1][0]):
            yield f"  {count:,} {reason}: {', '.join(places)}" + (", …" if count > len(places) else "")


def split_by_hash(identifier, held_out):
    """The split of an id: the share `held_out` of all ids is test, as many are validation. The same id always gets the
    same split, whatever else there is, and a larger share only takes from train."""
    number = int.from_bytes(hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    if number < held_out:
        return "test"
    return "validation" if 1 - number <= held_out else "train"


def id_of_text(text):
    """An id for a document that has none. Equal texts get the same one, so they are found to be duplicates."""
    return "sha256-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def split_of_name(path):
    """The split that a path names, as in train/a.parquet, test.jsonl.gz or validation-00000-of-00002.parquet."""
    for word in (re.split(r"[-_.]", path.name.lower())[0], path.parent.name.lower()):
        split = OTHER_NAMES.get(word, word)
        if split in SPLITS:
            return split
    return None


def files_with_splits(sources, endings):
    """Pairs of a file and its split, held-out splits first, from files and folders. The split is None for all of them
    if the names give no train together with validation or test: then a hash decides."""
    files = []
    for source in sources:
        if not source.exists():
            raise WrongInput(f"no such file or folder: {source}")
        found = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
        found = [path for path in found if path.name.lower().endswith(endings)]
        if not found:
            raise WrongInput(f"{source} is no file that ends in {' or '.join(endings)}, and no folder with one")
        files += found
    splits = [split_of_name(file) for file in files]
    named = set(splits) - {None}
    if "train" not in named or len(named) < 2:
        return [(file, None) for file in files]
    if None in splits:
        unnamed = files[splits.index(None)]
        raise WrongInput(f"{unnamed} names no split, though other files do; begin its name with train, validation or "
                         "test, or give only files without a split")
    return sorted(zip(files, splits), key=lambda pair: -SPLITS.index(pair[1]))


class Conversion:
    """Takes documents one at a time, writes those that are to be kept, and counts all of them."""

    def __init__(self, output, on_bad_record="fail", held_out=0.01):
        self._output = output  # None: only counts
        self._on_bad_record = on_bad_record
        self._held_out = held_out
        self._sizes = {split: Size() for split in SPLITS}
        self._seen = set()
        self.skipped = Examples()
        self.changed = Examples()
        self.noted = Examples()

    def bad(self, place, problem):
        """A document that is broken: the end, or skipped, as the caller of the script wants."""
        if self._on_bad_record == "fail":
            raise WrongInput(f"{place}: {problem} (mend it, or leave such records out with --on-bad-record skip)")
        # What follows the colon differs from record to record; the reason must not.
        self.skipped.add(problem.split(":")[0], place)

    def decode(self, content, place, other_encoding=None):
        """The text of bytes; None if they are bad."""
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            problem = f"no UTF-8: byte {error.start + 1} is 0x{content[error.start]:02X}"
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            problem = "UTF-16 and no UTF-8: convert it with `iconv -f UTF-16 -t UTF-8`"
        elif other_encoding:
            try:
                text = content.decode(other_encoding)
                self.changed.add(f"read as {other_encoding}, being no UTF-8", place)
                return text
            except UnicodeDecodeError as error:
                problem = f"neither UTF-8 nor {other_encoding}: byte {error.start + 1} is 0x{content[error.start]:02X}"
        self.bad(place, problem)
        return None

    def add(self, document):
        text = self._clean(document.text, document.place)
        if not text.strip():
            return self.skipped.add("no text", document.place)
        if document.id in self._seen:
            return self.skipped.add("the id of an earlier document", document.place)
        try:
            content = text.encode("utf-8")
        except UnicodeEncodeError as error:
            return self.bad(document.place, f"half a character: {ascii(text[error.start])} stands alone")
        self._seen.add(document.id)
        split = document.split or split_by_hash(document.id, self._held_out)
        size = self._sizes[split]
        size.documents += 1
        size.bytes += len(content)
        size.characters += len(text)
        size.words += len(content.split())  # parted by ASCII white space, as `infini eval` counts them
        if self._output:
            self._output.add(split, dataclasses.replace(document, text=text))

    def _clean(self, text, place):
        if text.startswith("\ufeff"):
            text = text[1:]
            self.changed.add("without the byte order mark", place)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            self.changed.add("with \\n for \\r\\n and \\r", place)
        if CONTROLS.search(text):
            text = CONTROLS.sub("", text)
            self.changed.add("without NUL and other control characters", place)
        return text

    def report(self):
        print(f"{'':12}{'documents':>12}{'bytes':>18}{'characters':>18}{'words':>16}")
        for split, size in self._sizes.items():
            print(f"{split:12}{size.documents:>12,}{size.bytes:>18,}{size.characters:>18,}{size.words:>16,}")
        for title, examples in (("skipped", self.skipped), ("changed", self.changed), ("noted", self.noted)):
            lines = list(examples.lines())
            print(f"{title}: nothing" if not lines else "\n".join([f"{title}:", *lines]))

    def require_documents(self):
        """Refuses a result that `infini prepare` would refuse."""
        if self._sizes["train"].documents == 0:
            raise WrongInput("no document is left for train; the lines above say why documents were skipped")
        for split in SPLITS[1:]:
            if self._sizes[split].documents == 0:
                self.noted.add("empty split; a larger --held-out fills it where the source has no split", split)


def convert(options, make_output, read):
    """Runs `read(conversion)` and writes what it added, whole or not at all. Then prints the report."""
    if options.check == (options.out is not None):
        raise WrongInput("give --out FOLDER to convert, or --check to only check; one of the two")
    held_out = getattr(options, "held_out", 0)
    if options.check:
        conversion = Conversion(None, options.on_bad_record, held_out)
        read(conversion)
        conversion.report()
        conversion.require_documents()
        return
    with OutputFolder(options.out, make_output) as output:
        conversion = Conversion(output, options.on_bad_record, held_out)
        read(conversion)
        try:
            conversion.require_documents()
        except WrongInput:
            conversion.report()
            raise
        output.publish()
    conversion.report()
    print(f"written: {options.out}")
