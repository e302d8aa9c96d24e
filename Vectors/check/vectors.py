"""Vectors/README.md: the formats of the files, and what running one means. Whatever is not known is a failure."""
import json
import re
from pathlib import Path

import primitives
from encoding import decimal, hexadecimal, NUMBER, Refused

FILE = {"schema", "construction", "operation", "description", "cases"}
CASE = {"id", "comment", "rule", "input"}
VERDICTS = {"schema", "description", "verdicts"}


class Wrong(Exception):
    """A file or a case that is not of the format, or whose result is another."""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def members(pairs):
    """JSON allows a name twice, and most readers take the last: then a reader of the file sees another case."""
    found = dict(pairs)
    need(len(found) == len(pairs), f"a name stands twice among {[name for name, _ in pairs]}")
    return found


def no_such_number(text):
    raise Wrong(f"{text} is no value of a vector")


def load(path):
    try:
        value = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=members, parse_float=no_such_number,
                           parse_constant=no_such_number)
    except ValueError as error:
        raise Wrong(f"is not JSON: {error}") from None
    need(isinstance(value, dict), "is not one JSON object")
    return value


# ---- Values

def is_integer(value):
    return type(value) is int and 0 <= value < 2**53


def is_hexadecimal(value):
    try:
        return isinstance(value, str) and hexadecimal(value) is not None
    except Refused:
        return False


def is_text(value):
    return isinstance(value, str)


def is_decimal(value):
    return isinstance(value, str) and re.fullmatch(NUMBER, value) is not None


# What a field's type admits in a file; how it is read; how a result is written.
ONE = {
    "bytes": (is_hexadecimal, bytes.fromhex, bytes.hex),
    "text": (is_text, str, str),
    "decimal": (is_decimal, decimal, str),
}


def many(admits, read, write):
    return (lambda value: isinstance(value, list) and all(map(admits, value)),
            lambda value: list(map(read, value)), lambda value: list(map(write, value)))


TYPES = {
    **ONE,
    "integer": (is_integer, int, int),
    "list": many(*ONE["bytes"]),
    "texts": many(*ONE["text"]),
    "numbers": many(*ONE["decimal"]),
}


def fields(text):
    """The fields of one side of a form, and which may be absent: `name` for bytes, `name:type` for others, then `?`."""
    split = [word.rstrip("?").partition(":") for word in text.split()]
    optional = {word.rstrip("?").partition(":")[0] for word in text.split() if word.endswith("?")}
    return {name: TYPES[kind or "bytes"] for name, _, kind in split}, optional


def fit(names, known, optional):
    return known.keys() - optional <= names <= known.keys()


def form_of(operation, forms, given):
    """A form is one way to call an operation; the names of the inputs decide which one a case uses."""
    for form, function in forms:
        inputs, outputs = form.split("->")
        if fit(given.keys(), *fields(inputs)):
            return fields(inputs)[0], *fields(outputs), function
    raise Wrong(f"{operation} does not take the inputs {sorted(given)}")


# ---- Cases

def read_case(case, ids):
    """The inputs of a case, after everything about its form was looked at."""
    need(isinstance(case, dict), "a case is no object")
    results = case.keys() & {"output", "expect"}
    need(CASE <= case.keys(), f"fields are missing: {sorted(CASE - case.keys())}")
    unknown = case.keys() - CASE - {"given", "output", "expect", "reason"}
    need(not unknown, f"unknown fields: {sorted(unknown)}")
    need(len(results) == 1, "a case has either output or expect")
    for name in ("id", "comment", "rule", "expect", "reason"):
        need(isinstance(case.get(name, "-"), str) and case.get(name, "-"), f"{name} is no text")
    need(re.fullmatch(r"\[[a-z]+\.[1-9][0-9]*\]", case["rule"]), f"{case['rule']} is no rule id")
    need(case["id"] not in ids, "the id stands twice in the file")
    need("reason" not in case or case.get("expect") == "encoding", "only the encoding has reasons")
    recorded, given = case.get("given", {}), case["input"]
    for name in ("given", "input", "output"):
        need(isinstance(case.get(name, {}), dict), f"{name} is no object")
    need(not recorded.keys() & given.keys(), "a field stands in given and in input")
    return {**recorded, **given}


def run_case(operation, forms, case, ids):
    """Raises Wrong unless the case comes out as it says."""
    given = read_case(case, ids)
    inputs, outputs, optional, function = form_of(operation, forms, given)
    for name, value in given.items():
        need(inputs[name][0](value), f"the input {name} is not of its type")
    try:
        result = function(**{name: read(given[name]) for name, (_, read, _) in inputs.items() if name in given})
    except Refused as refused:
        need("expect" in case, f"refused at {refused}, and should not be")
        need(refused.stage == case["expect"], f"refused at {refused}, not at {case['expect']}")
        reason = case.get("reason", refused.reason)
        need(refused.reason == reason, f"refused for {refused.reason}, not for {reason}")
        return
    except Exception as error:  # anything else is a fault of the case or of this program, and never a refusal
        raise Wrong(f"{type(error).__name__}: {error}") from error
    need("output" in case, f"accepted, and should be refused at {case.get('expect')}")
    need(fit(result.keys(), outputs, optional), f"this program computes {sorted(result)}")
    need(result.keys() == case["output"].keys(), f"the outputs are {sorted(case['output'])}, not {sorted(result)}")
    for name, value in result.items():
        ours, theirs = outputs[name][2](value), case["output"][name]
        need(type(ours) is type(theirs) and ours == theirs, f"{name} is {shorten(ours)}, not {shorten(theirs)}")


def shorten(value):
    text = str(value)
    return text if len(text) <= 160 else f"{text[:120]}.. ({len(text)} characters)"


def run_vectors(path, file, operations):
    """The number of cases that were executed, and what was wrong."""
    need(file.keys() == FILE, f"the fields are {sorted(file)}, not {sorted(FILE)}")
    need(isinstance(file["description"], str), "description is no text")
    operation = f"{file['construction']}/{file['operation']}"
    need(f"{path.parent.name}/{path.stem}" == operation, f"says that it is {operation}")
    need(operation in operations, f"the operation {operation} is not known")
    need(isinstance(file["cases"], list) and file["cases"], "has no cases")
    failures, ids = [], set()
    for number, case in enumerate(file["cases"]):
        name = case.get("id", number) if isinstance(case, dict) else number
        try:
            run_case(operation, operations[operation], case, ids)
        except Wrong as wrong:
            failures.append(f"{name}: {wrong}")
        ids.add(str(name))
    return len(file["cases"]), failures


# ---- Verdicts on the edge cases of Ed25519

# The collections are others' files: each has its place, the field that names a case, and the names of the rest.
COLLECTIONS = {
    "cctv": ("cctv/ed25519vectors.json", "number", "key", "msg", "sig", str.encode),
    "speccheck": ("ed25519-speccheck/cases.json", None, "pub_key", "message", "signature", bytes.fromhex),
}


def run_verdicts(path, file, folder):
    """None in place of the number of cases means that the collection is not here."""
    need(file.keys() == VERDICTS, f"the fields are {sorted(file)}, not {sorted(VERDICTS)}")
    need(path.stem in COLLECTIONS, f"the collection {path.stem} is not known")
    verdicts = file["verdicts"]
    need(isinstance(verdicts, dict) and verdicts, "has no verdicts")
    for number, verdict in verdicts.items():
        need(re.fullmatch(NUMBER, number) and isinstance(verdict, str), f"{number} is no verdict")
        need(re.fullmatch("(accept|refuse): .+", verdict), f"{number}: {verdict!r} is no verdict")
    if not folder:
        return None, []
    place, number, key, message, signature, text = COLLECTIONS[path.stem]
    try:
        cases = json.loads((Path(folder) / place).read_bytes())
    except (OSError, ValueError) as error:
        raise Wrong(f"the public collection cannot be read: {error}") from None
    failures, seen = [], set()
    for position, case in enumerate(cases):
        name = str(case[number] if number else position)
        seen.add(name)
        ours = primitives.ed25519_verdict(bytes.fromhex(case[key]), text(case[message]),
                                          bytes.fromhex(case[signature]))
        if verdicts.get(name) != ours:
            failures.append(f"{name}: {ours}, not {verdicts.get(name)}")
    failures += [f"{name}: the collection has no such case" for name in sorted(verdicts.keys() - seen)]
    return len(cases), failures


def run_file(path, file, operations, public=None):
    """One file: the number of cases executed (None: not applicable), and the failures."""
    try:
        schema = file.get("schema")
        if schema == "sotto-vectors/1":
            return run_vectors(path, file, operations)
        if schema == "sotto-verdicts/1":
            return run_verdicts(path, file, public)
        raise Wrong(f"the schema {schema!r} is not known")
    except Wrong as wrong:
        return 0, [str(wrong)]
