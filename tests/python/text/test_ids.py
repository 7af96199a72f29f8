"""The ids of `infini tokenize` are those of PyPI's tokenizers, exactly, for every family."""

import json
import os
import pathlib

import pytest
from families import LOSSLESS, LOSSY, prose, random_bytes, random_unicode, tokenizers, without_space

FAMILIES = {**LOSSLESS, **LOSSY}
# A text that starts with a space, then lines that are no UTF-8; and one that starts with a token.
TEXTS = [
    b" " + (prose(5000, 3) + random_unicode(2000, 4) + without_space(20000, 5)).encode() + random_bytes(300, 6),
    "<s>of" + random_unicode(20, 7),
]


def assert_same(got, want, tokenizer):
    if got == want:
        return
    place = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    around = [[tokenizer.id_to_token(i) for i in ids[max(0, place - 3) : place + 4]] for ids in (got, want)]
    raise AssertionError(f"{len(got)} ids and {len(want)}; they differ at {place}: {around[0]} and {around[1]}")


def compare(program, tokenizer, path, content):
    text = content if isinstance(content, str) else content.decode(errors="replace")
    assert_same(program.ids(path, content), tokenizer.encode(text, add_special_tokens=False).ids, tokenizer)


@pytest.mark.parametrize("family", FAMILIES)
def test_ids_are_those_of_tokenizers(program, tmp_path, family):
    tokenizer = FAMILIES[family]()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    for content in TEXTS:
        compare(program, tokenizer, path, content)


@pytest.mark.parametrize("family", LOSSLESS)
def test_decoding_gives_the_text_back(program, tmp_path, family):
    tokenizer = LOSSLESS[family]()
    # Tokens that take the white space beside them lose it.
    file = json.loads(tokenizer.to_str())
    for token in file["added_tokens"]:
        token.update(lstrip=False, rstrip=False)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(file))
    assert program.text(path, program.ids(path, TEXTS[0])).decode() == TEXTS[0].decode(errors="replace")


@pytest.mark.parametrize("family", ["llama2", "metaspace always, split True", "metaspace first, split False", "gpt2"])
def test_decoding_is_that_of_tokenizers(program, tmp_path, family):
    tokenizer = FAMILIES[family]()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    text = prose(300, 8) + random_unicode(100, 9)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert program.text(path, ids).decode() == tokenizer.decode(ids, skip_special_tokens=False)


SHARED = os.environ.get("INFINI_SHARED_DATA", "")
needs_shared_data = pytest.mark.skipif(not SHARED, reason="INFINI_SHARED_DATA does not name the shared data sets")


@needs_shared_data
def test_gpt2s_own_files(program, tmp_path):
    folder = pathlib.Path(SHARED) / "tokenizers" / "gpt2"
    tokenizer = tokenizers.ByteLevelBPETokenizer(str(folder / "encoder.json"), str(folder / "vocab.bpe"))
    tokenizer.add_special_tokens(["<|endoftext|>"])
    for content in [*TEXTS, "a<|endoftext|>b"]:
        compare(program, tokenizer, folder, content)


@needs_shared_data
def test_stories260k(program):
    path = pathlib.Path(SHARED) / "checkpoints" / "stories260K" / "hf" / "tokenizer.json"
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    for content in TEXTS:
        compare(program, tokenizer, path, content)


@needs_shared_data
def test_books_and_latex(program, tmp_path):
    books = sorted((pathlib.Path(SHARED) / "pg19-mini" / "test").glob("*.txt"))[:2]
    latex = (pathlib.Path(SHARED) / "arxiv-math-mini" / "test.jsonl").read_text().splitlines()
    text = "".join(book.read_text() for book in books) + "".join(json.loads(line)["text"] for line in latex[:3])
    for family in ("gpt2", "llama3", "qwen2", "o200k", "deepseek", "llama2", "metaspace first, split False"):
        tokenizer = FAMILIES[family]()
        path = tmp_path / "tokenizer.json"
        tokenizer.save(str(path))
        compare(program, tokenizer, path, text)
