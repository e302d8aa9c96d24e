#!/usr/bin/env python3
"""Prints the fingerprints in Tests/SottoTests/QR/GoldenTests.swift, from the symbols that Segno draws (pip install segno==1.6.6).

Segno shares no code with the encoder. Version, level and mask are fixed, so that every module is compared.
"""
import segno

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
BYTES = "abcdefghijklmnopqrstuvwxyz234567@:."


def text(alphabet, count):
    state, result = 18004, ""
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        result += alphabet[(state >> 16) % len(alphabet)]
    return result


def fingerprint(matrix):
    """FNV-1a, 64 bits, of one byte for every module, row by row."""
    value = 0xCBF29CE484222325
    for row in matrix:
        for module in row:
            value = (value ^ (1 if module else 0)) * 0x100000001B3 % 2**64
    return value


def longest(version, level, mode):
    """The longest text that Segno puts into a symbol."""
    low, high = 1, 5000
    while high - low > 1:
        middle = (low + high) // 2
        try:
            segno.make("A" * middle, version=version, error=level, mode=mode, boost_error=False, mask=0)
            low = middle
        except segno.DataOverflowError:
            high = middle
    return low


for version in range(1, 41):
    level, mask = "LMQH"[version % 4], version // 4 % 8
    prints = []
    for mode, alphabet in (("byte", BYTES), ("alphanumeric", LETTERS)):
        content = text(alphabet, longest(version, level, mode))
        code = segno.make(content, version=version, error=level, mask=mask, mode=mode, boost_error=False, micro=False)
        prints.append(f"0x{fingerprint(code.matrix):016x}")
    print(f"    ({', '.join(prints)}),")
