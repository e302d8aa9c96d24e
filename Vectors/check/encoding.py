"""Specs/Encoding.md: how values become bytes, and the only readers of bytes here."""
import re
from contextlib import contextmanager


class Refused(Exception):
    """What a rule says *must refuse*: the stage and, where it is `encoding`, the rule of the encoding."""

    def __init__(self, stage, reason=None):
        super().__init__(stage if reason is None else f"{stage} ({reason})")
        self.stage, self.reason = stage, reason


def require(condition, stage, reason=None):
    if not condition:
        raise Refused(stage, reason)


@contextmanager
def refusing(stage):
    """Whatever is refused inside is refused at this stage."""
    try:
        yield
    except Refused:
        raise Refused(stage) from None


# ---- Writing. A structure is the concatenation of its fields.

def uint(size, value):
    return value.to_bytes(size, "big")  # [encoding.9]


def u8(value):
    return uint(1, value)


def u16(value):
    return uint(2, value)


def u32(value):
    return uint(4, value)


def u64(value):
    return uint(8, value)


def varint(value):
    """[encoding.3] RFC 9000 section 16, in the shortest form."""
    for power in range(4):
        bits = 8 * (1 << power) - 2
        if value < 1 << bits:
            return uint(1 << power, value | power << bits)
    raise ValueError(f"{value} has no variable-length form")


def lp(data):
    return varint(len(data)) + data  # [encoding.10]


def vector(elements):
    """[encoding.10] `T xs<V>`: the length is that of the bytes of all elements."""
    return lp(b"".join(elements))


def optional(value):
    return b"\0" if value is None else b"\1" + value  # [encoding.11]


# ---- Reading

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, size):
        require(size <= self.left(), "encoding", "truncated")  # [encoding.1]
        self.at += size
        return self.data[self.at - size:self.at]

    def rest(self):
        return self.take(self.left())

    def uint(self, size):
        return int.from_bytes(self.take(size), "big")

    def u8(self):
        return self.uint(1)

    def u16(self):
        return self.uint(2)

    def u32(self):
        return self.uint(4)

    def u64(self):
        return self.uint(8)

    def varint(self):
        power = self.take(1)[0] >> 6
        self.at -= 1
        size = 1 << power
        value = self.uint(size) & (1 << (8 * size - 2)) - 1
        require(len(varint(value)) == size, "encoding", "non-minimal")  # [encoding.3]
        return value

    def length(self, limit):
        """The limit comes before a look at what is there: [encoding.1], nothing is allocated for a claim."""
        value = self.varint()
        require(value <= limit, "encoding", "out-of-range")  # [encoding.4]
        return value

    def opaque(self, limit):
        return self.take(self.length(limit))

    def text(self, limit):
        return utf8(self.opaque(limit))

    def vector(self, most, element):
        """`T xs<V>` of at most `most` elements, each read by `element` from a reader."""
        inner, found = Reader(self.opaque(2**62)), []
        while inner.left():
            require(len(found) < most, "encoding", "out-of-range")  # [encoding.4]
            found.append(element(inner))  # [encoding.2] the elements fill the vector, or the last one is cut
        return found

    def flag(self):
        value = self.u8()
        require(value < 2, "encoding", "invalid-value")  # [encoding.5]
        return value

    def optional(self, value):
        return value(self) if self.flag() else None  # [encoding.11]

    def end(self):
        require(self.left() == 0, "encoding", "trailing")  # [encoding.2]


def utf8(data):
    """[encoding.5] Python's decoder is strict as RFC 3629 is: no overlong forms, no surrogates."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("encoding", "invalid-value") from None


def decode(data, read):
    """The whole of `data` as the one value that `read` takes from a reader."""
    reader = Reader(data)
    value = read(reader)
    reader.end()
    return value


# ---- Text

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def hexadecimal(text):
    require(re.fullmatch("(?:[0-9a-f]{2})*", text), "encoding", "invalid-value")  # [encoding.6]
    return bytes.fromhex(text)


def to_digits(data, alphabet, width):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % width)
    return "".join(alphabet[int(bits[i:i + width], 2)] for i in range(0, len(bits), width))


def from_digits(text, alphabet, width):
    """Refuses another character, a last character that adds no byte, and spare bits that are not zero."""
    require(all(character in alphabet for character in text), "encoding", "invalid-value")
    bits = "".join(f"{alphabet.index(character):0{width}b}" for character in text)
    spare = len(bits) % 8
    require(spare < width and "1" not in bits[len(bits) - spare:], "encoding", "invalid-value")
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits) - spare, 8))


def to_base32(data):
    return to_digits(data, BASE32, 5)


def base32(text):
    return from_digits(text, BASE32, 5)  # [encoding.7]


def to_base64(data):
    digits = to_digits(data, BASE64, 6)
    return digits + "=" * (-len(digits) % 4)


def base64(text):
    digits = text.rstrip("=")
    require(text == digits + "=" * (-len(digits) % 4), "encoding", "invalid-value")  # [encoding.8]
    return from_digits(digits, BASE64, 6)


# ---- Operations

NUMBER = "0|[1-9][0-9]*"


def decimal(text):
    """A number that a vector gives as decimal text."""
    if not re.fullmatch(NUMBER, text):
        raise ValueError(f"{text!r} is no decimal number")
    return int(text)


def both_ways(encoded, read, write):
    """What was written is read again, and what was read gives the same bytes again: there is one encoding."""
    value = decode(encoded, read)
    if write(value) != encoded:
        raise AssertionError(f"{encoded.hex()} was read, and is written as {write(value).hex()}")
    return {"encoded": encoded}


def write_integers(values):
    return u8(values[0]) + u16(values[1]) + u32(values[2]) + u64(values[3])


def check_integers(encoded):
    return both_ways(encoded, lambda r: (r.u8(), r.u16(), r.u32(), r.u64()), write_integers)


def check_varint(encoded):
    return both_ways(encoded, Reader.varint, varint)


def check_vector(encoded, limit):
    return both_ways(encoded, lambda r: r.opaque(limit), lp)


def check_list(encoded, limit, element_limit):
    return both_ways(encoded, lambda r: r.vector(limit, lambda inner: inner.opaque(element_limit)),
                     lambda values: vector(map(lp, values)))


def check_text(encoded, limit):
    return both_ways(encoded, lambda r: r.text(limit), lambda value: lp(value.encode()))


def text_codec(to_text, from_text):
    def write(bytes):
        return read(to_text(bytes))

    def read(text):
        if to_text(from_text(text)) != text:
            raise AssertionError(f"{text!r} was read, and is written otherwise")
        return {"text": text}

    return [("bytes -> text:text", write), ("text:text -> text:text", read)]


OPERATIONS = {
    "encoding/integers": [
        ("u8:decimal u16:decimal u32:decimal u64:decimal -> encoded",
         lambda **values: check_integers(write_integers(list(values.values())))),
        ("encoded -> encoded", check_integers),
    ],
    "encoding/varint": [
        ("value:decimal -> encoded", lambda value: check_varint(varint(value))),
        ("encoded -> encoded", check_varint),
    ],
    "encoding/vector": [
        ("value limit:integer -> encoded", lambda value, limit: check_vector(lp(value), limit)),
        ("encoded limit:integer -> encoded", check_vector),
    ],
    "encoding/list": [
        ("values:list limit:integer element_limit:integer -> encoded",
         lambda values, **limits: check_list(vector(map(lp, values)), **limits)),
        ("encoded limit:integer element_limit:integer -> encoded", check_list),
    ],
    "encoding/text": [
        ("value:text limit:integer -> encoded", lambda value, limit: check_text(lp(value.encode()), limit)),
        ("encoded limit:integer -> encoded", check_text),
    ],
    "encoding/hex": text_codec(bytes.hex, hexadecimal),
    "encoding/base32": text_codec(to_base32, base32),
    "encoding/base64": text_codec(to_base64, base64),
}
