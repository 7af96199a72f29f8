#!/usr/bin/env python3
"""Encoding of books by `infini tokenize` and by PyPI's tokenizers, one thread each, in turns.

usage: benchmarks/tokenizer_speed.py BOOKS [--rounds 5] [--vocab-size 32000] [--program build/release/infini] [NAME=tokenizer.json…]

BOOKS is a folder of .txt files. A byte-level vocabulary (GPT-2's pattern, and Llama 3's) and one of characters with byte
fallback (as Llama 2 has it) are trained on them; name more files to time them too. tokenizers encodes all books as one
batch, without Python in its loop. Both times are those of encoding alone: no file is read or written in them. Prints the
median of each, their ratio, and the share of ours in what memory allows: reading the text and writing four bytes for each
token at the speed of a copy.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers  # noqa: E402

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(lines, vocab_size, pre_tokenizer):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def llama2(lines, vocab_size):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False))
    file = json.loads(tokenizer.to_str())
    file["pre_tokenizer"] = None
    file["added_tokens"] = file["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    return tokenizer


def copy_rate():
    """Bytes a second of a copy: read and written ones together."""
    block = bytearray(256 << 20)
    target = bytearray(len(block))
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        target[:] = block
        best = min(best, time.perf_counter() - begin)
    return 2 * len(block) / best


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("books", type=pathlib.Path)
    options.add_argument("more", nargs="*", metavar="NAME=FILE")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--vocab-size", type=int, default=32000)
    options.add_argument("--program", default="build/release/infini")
    options = options.parse_args()
    books = [path.read_text() for path in sorted(options.books.rglob("*.txt"))]
    lines = [line for book in books for line in book.splitlines(keepends=True)]
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    contenders = {
        "byte-level, GPT-2's pattern": byte_level(lines, options.vocab_size, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "byte-level, Llama 3's pattern": byte_level(lines, options.vocab_size, split),
        "characters with byte fallback": llama2(lines, options.vocab_size),
    }
    for entry in options.more:
        name, _, file = entry.partition("=")
        contenders[name] = Tokenizer.from_file(file)
    rate = copy_rate()
    print("| tokenizer | infini, MB/s | tokenizers, MB/s | ratio | of memory's speed |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "books.txt"
        text.write_text("".join(books))
        size = text.stat().st_size
        for name, tokenizer in contenders.items():
            file = pathlib.Path(folder) / "tokenizer.json"
            tokenizer.save(str(file))
            ours, theirs, tokens = [], [], 0
            for _ in range(options.rounds):
                command = [options.program, "tokenize", "--tokenizer", file, "--file", text, "--out", f"{folder}/ids"]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
                tokens, seconds = re.search(r"are (\d+) tokens, encoded in ([\d.]+) s", said).groups()
                ours.append(float(seconds))
                begin = time.perf_counter()
                tokenizer.encode_batch_fast(books, add_special_tokens=False)
                theirs.append(time.perf_counter() - begin)
            mine, other = statistics.median(ours), statistics.median(theirs)
            least = (size + 4 * int(tokens)) / rate
            print(f"| {name} | {size / mine / 1e6:.1f} | {size / other / 1e6:.1f} | {other / mine:.1f} | {least / mine:.1%} |")


if __name__ == "__main__":
    main()
