"""Reads lines from files that may be compressed with gzip or zstd. A file that ends too early is an error."""

import importlib.util
import io
import zlib

from command_line import WrongInput

BLOCK = 1 << 20
# A frame of data, or one to be skipped, which parallel compressors put first.
ZSTD_BEGINNINGS = [b"\x28\xb5\x2f\xfd", *(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))]


class BrokenFile(Exception):
    """The rest of a file cannot be read."""


def gzip_decompressor():
    return zlib.decompressobj(wbits=31)


def zstd_decompressor(path):
    """A function that makes decompressors: Python's own from 3.14 on, else those of the package zstandard."""
    if importlib.util.find_spec("compression") and importlib.util.find_spec("compression.zstd"):
        from compression import zstd
        return zstd.ZstdDecompressor
    if importlib.util.find_spec("zstandard"):
        import zstandard
        return zstandard.ZstdDecompressor().decompressobj
    raise WrongInput(f"cannot read {path}: it is compressed with zstd, and this Python has no zstandard package; "
                     "run `pip install zstandard`, or decompress the file with `zstd -d`")


class Decompressed(io.RawIOBase):
    """The decompressed bytes of a file that consists of one or more compressed streams."""

    def __init__(self, file, make_decompressor):
        self._file = file
        self._make_decompressor = make_decompressor
        self._decompressor = make_decompressor()
        self._begun = False  # whether the stream has had a byte
        self._ready = memoryview(b"")

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._ready:
            block = self._decompressor.unused_data if self._decompressor.eof else b""
            if self._decompressor.eof:
                # Zeros behind the last stream are padding.
                block = block.lstrip(b"\0")
                self._decompressor = self._make_decompressor()
                self._begun = False
            block = block or self._file.read(BLOCK)
            if not block:
                if self._begun:
                    raise BrokenFile("the compressed file ends too early: it was cut off; fetch it again")
                return 0
            self._begun = True
            try:
                self._ready = memoryview(self._decompressor.decompress(block))
            except Exception as error:  # each library has its own
                raise BrokenFile(f"the compressed file is damaged: {error}") from error
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def lines_of(path):
    """Pairs of a line's number, from 1, and its bytes. Raises BrokenFile. What a file is, its first bytes tell."""
    with open(path, "rb") as file:
        begin = file.read(4)
        file.seek(0)
        if begin.startswith(b"\x1f\x8b"):
            lines = io.BufferedReader(Decompressed(file, gzip_decompressor), BLOCK)
        elif begin in ZSTD_BEGINNINGS:
            lines = io.BufferedReader(Decompressed(file, zstd_decompressor(path)), BLOCK)
        elif path.name.lower().endswith((".gz", ".zst")):
            raise BrokenFile("the name says that it is compressed, but its first bytes say that it is not")
        else:
            lines = file
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line
