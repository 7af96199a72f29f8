#!/usr/bin/env python3
"""Prints the characters that Unicode 15.1 and 16.0 added or changed, for csrc/text/new_characters.cpp.

usage: scripts/unicode_additions.py OLD.json MIDDLE.json NEW.json
Each file is the list of the categories of all code points, made with the PyPI package unicodedata2 15.0.0, 15.1.0, 16.0.0:
python -c 'import json, sys, unicodedata2 as u; json.dump([u.category(chr(c)) for c in range(0x110000)], sys.stdout)'
"""
import json
import sys

old, middle, new = (json.load(open(name)) for name in sys.argv[1:])
ranges = []
for code, category in enumerate(new):
    if category == old[code]:
        continue
    version = 151 if middle[code] == category else 160
    if ranges and ranges[-1][1:] == [code - 1, category, version]:
        ranges[-1][1] = code
    else:
        ranges.append([code, code, category, version])
for first, last, category, version in ranges:
    print(f'      {{0x{first:X}, 0x{last:X}, "{category}", {version}}},')
