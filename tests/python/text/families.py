"""Tokenizers of every family, trained on the spot with PyPI's tokenizers, and texts in which they may differ."""

import json
import pathlib
import random
import re

import pytest

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers  # noqa: E402

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
LETTERS = (
    "the of and to in that was he his with it as for on is had not her at by she which you from this but be they were "
    "one all him so what would when them said there no out into up more some time could about like now then did"
).split()


def known_patterns():
    """{name: pattern} of csrc/text/word_scanner.cpp."""
    source = (CHECKOUT / "csrc" / "text" / "word_scanner.cpp").read_text()
    return dict(re.findall(r'\{"(\w+)",\s*R"\((.*?)\)",', source))


def prose(words, seed):
    """Text with the statistics of language, in several scripts, with figures and formulas."""
    draw = random.Random(seed)
    text = []
    for _ in range(words):
        kind = draw.random()
        word = draw.choice(LETTERS)
        if kind < 0.04:
            word = "".join(draw.choice("абвгдежзиклмнопрст") for _ in range(draw.randrange(2, 9)))
        elif kind < 0.06:
            word = "".join(chr(draw.randrange(0x4E00, 0x4F00)) for _ in range(draw.randrange(1, 6)))
        elif kind < 0.09:
            word = str(draw.randrange(100000))
        elif kind < 0.12:
            word = draw.choice(["\\frac{a}{b}", "$x^2$", "\\begin{align}", "a_{ij}", "don't", "I'll", "HTTPServer", "naïve"])
        elif kind < 0.2:
            word = word.capitalize()
        text.append(word + draw.choice([" "] * 9 + [", ", ". ", ".\n", ".\n\n", "  ", "\r\n", "\t"]))
    return "".join(text)


PARTS = [
    lambda draw: chr(draw.randrange(32, 127)),
    lambda draw: draw.choice(" \t\n\r\v\f\u00a0\u3000\u2028\u0085\u1680\u180e"),
    lambda draw: chr(draw.randrange(0xA0, 0x250)),
    lambda draw: chr(draw.randrange(0x300, 0x370)),
    lambda draw: chr(draw.randrange(0x370, 0x2000)),
    lambda draw: chr(draw.randrange(0x2000, 0x3000)),
    lambda draw: chr(draw.randrange(0x3000, 0xD800)),
    lambda draw: chr(draw.randrange(0xE000, 0x10000)),
    lambda draw: chr(draw.randrange(0x10000, 0x20000)),
    lambda draw: chr(draw.randrange(0x20000, 0x32400)),
    lambda draw: chr(draw.randrange(0xE0000, 0x110000)),
    lambda draw: chr(draw.randrange(0, 32)),
    lambda draw: draw.choice("\u200d \u200c \ufe0f 👩\u200d🚀 e\u0301 İ ſ 'ſ 'S 'LL 're ß Å 가 각 ﬁ ① \u0345 K ǅ ʰ ª ²".split()),
    lambda draw: draw.choice(["the ", "Hello World", "1234567", "\n\n  y", " !!?", "/a/b\r\n/", "<|end|>", "<s>", " <mask> ", "[W]"]),
]


def random_unicode(lines, seed):
    """Lines of all planes: marks, joiners, controls, unassigned code points, special tokens."""
    draw = random.Random(seed)
    text = []
    for _ in range(lines):
        for _ in range(draw.randrange(1, 12)):
            part = draw.choice(PARTS)
            text += [part(draw) for _ in range(draw.choice([1, 1, 1, 2, 3, 6]))]
        text.append("\n")
    return "".join(text)


def random_bytes(lines, seed):
    """Lines of bytes that are mostly no UTF-8."""
    draw = random.Random(seed)
    return b"\n".join(bytes(draw.randrange(256) for _ in range(draw.randrange(1, 40))) for _ in range(lines))


def without_space(characters, seed):
    draw = random.Random(seed)
    return "".join(chr(draw.choice([97 + draw.randrange(26), 0x4E00 + draw.randrange(256)])) for _ in range(characters))


TRAINING_TEXT = prose(8000, 1) + random_unicode(100, 2)
ADDED = [
    AddedToken("<mask>", lstrip=True),
    AddedToken("[W]", single_word=True),
    AddedToken("naïve É", normalized=True),
    AddedToken("World", rstrip=True, single_word=True),
]


def trained(model, pre_tokenizer, **settings):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=900, show_progress=False, **settings)
    tokenizer.train_from_iterator(TRAINING_TEXT.splitlines(keepends=True), trainer)
    return tokenizer


def byte_level(pre_tokenizer, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|end|>"]
    )
    tokenizer.train_from_iterator(TRAINING_TEXT.splitlines(keepends=True), trainer)
    tokenizer.add_tokens(ADDED)
    return tokenizer


def split(*stages):
    """ByteLevel behind stages; a stage is a pattern, or a pre-tokenizer."""
    stages = [pre_tokenizers.Split(Regex(s), "isolated") if isinstance(s, str) else s for s in stages]
    return pre_tokenizers.Sequence([*stages, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def characters(normalizer, pre_tokenizer, decoder, fallback="all", unknown="<unk>", fuse=True):
    """A vocabulary of characters: trained with ▁ for spaces, then the 256 bytes are added, or four of five, or none."""
    model = json.loads(trained(models.BPE(unk_token="<unk>"), pre_tokenizers.Metaspace(), limit_alphabet=120,
                               special_tokens=["<unk>", "<s>", "</s>"]).to_str())["model"]  # fmt: skip
    for byte in range(256):
        if fallback == "all" or (fallback == "most" and byte % 5 > 0):
            model["vocab"].setdefault(f"<0x{byte:02X}>", len(model["vocab"]))
    model.update(byte_fallback=fallback != "none", fuse_unk=fuse, unk_token=unknown)
    tokenizer = Tokenizer(models.BPE())
    for name, part in (("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("decoder", decoder)):
        if part is not None:
            setattr(tokenizer, name, part)
    file = json.loads(tokenizer.to_str())
    file["model"] = model
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.add_special_tokens(["<unk>", "<s>", AddedToken("</s>", normalized=True)])
    tokenizer.add_tokens(ADDED)
    return tokenizer


def llama2(**settings):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return characters(normalizer, None, decoders.Sequence(steps), **settings)


def metaspace(scheme, splits):
    return characters(None, pre_tokenizers.Metaspace(prepend_scheme=scheme, split=splits), decoders.Metaspace(prepend_scheme=scheme))


PATTERNS = known_patterns()
# The same pieces, but not the same text: no scanner knows it.
BY_PCRE2 = {f"{name} by PCRE2": pattern.replace(r"|\s+(?!\S)|\s+", r"|\s+(?!\S)|(?:\s+)") for name, pattern in PATTERNS.items()}
DEEPSEEK = (
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
)
BEHAVIORS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")

# Byte-level families, which lose nothing.
LOSSLESS = {
    **{name: lambda pattern=pattern: byte_level(split(pattern)) for name, pattern in {**PATTERNS, **BY_PCRE2}.items()},
    "gpt2 as ByteLevel": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "llama3 with ignore_merges": lambda: byte_level(split(PATTERNS["llama3"]), ignore_merges=True),
    "smollm2": lambda: byte_level(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    ),
    "deepseek": lambda: byte_level(split(*DEEPSEEK)),
    "words": lambda: byte_level(split(r"\w+|[^\w\s]+", r"(?i:the|AND)$|^[\d]+\S")),
    "runs of digits": lambda: byte_level(split(pre_tokenizers.Digits(individual_digits=False), PATTERNS["gpt2"])),
    "strings": lambda: byte_level(
        split(pre_tokenizers.Split("th", "merged_with_next"), pre_tokenizers.Split(" ", "merged_with_previous"))
    ),
}
LOSSY = {
    **{f"{form} as qwen has it": lambda form=form: byte_level(split(PATTERNS["qwen2"]), getattr(normalizers, form)())
       for form in ("NFC", "NFD", "NFKC", "NFKD")},
    **{f"{behavior}, invert {invert}": lambda behavior=behavior, invert=invert: byte_level(
        split(pre_tokenizers.Split(Regex(r"\s|\p{Han}+|e"), behavior, invert)))
       for behavior in BEHAVIORS for invert in (False, True)},
    "a space in front": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "stripped and replaced": lambda: byte_level(
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex(r"\s{2,}"), "  "), normalizers.Replace("e", "E")]),
    ),
    "llama2": llama2,
    "llama2 with some bytes": lambda: llama2(fallback="most"),
    "llama2 without bytes": lambda: llama2(fallback="none"),
    "each unknown by itself": lambda: llama2(fallback="none", fuse=False),
    **{f"metaspace {scheme}, split {splits}": lambda scheme=scheme, splits=splits: metaspace(scheme, splits)
       for scheme in ("always", "first", "never") for splits in (True, False)},
}  # fmt: skip
