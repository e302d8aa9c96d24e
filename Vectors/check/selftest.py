"""Does this checker notice? Takes cases of each file, alters them in memory, and sees each alteration fail."""
import copy

import examples
import vectors


def bend(value):
    """Values of the same type that differ from `value`, in its first and in its last place."""
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, list):
        return [value + ["00"], value[1:]] if value else [["00"]]
    if not value:
        return ["00"]
    other = "1" if value[0] == "0" else "0"
    end = "1" if value[-1] == "0" else "0"
    return [other + value[1:], value[:-1] + end, value[:-2]]


def altered_results(case):
    """What a case might claim wrongly."""
    if "output" in case:
        for name, value in case["output"].items():
            for i, wrong in enumerate(bend(value)):
                yield f"output {name} bent ({i})", {**case, "output": {**case["output"], name: wrong}}
            yield f"output {name} of another type", {**case, "output": {**case["output"], name: None}}
            less = {other: rest for other, rest in case["output"].items() if other != name}
            yield f"output {name} missing", {**case, "output": less}
        yield "an output more", {**case, "output": {**case["output"], "more": "00"}}
        refused = {name: value for name, value in case.items() if name != "output"}
        yield "refusal expected", {**refused, "expect": "encoding"}
        yield "output and refusal", {**case, "expect": "encoding"}
    else:
        accepted = {name: value for name, value in case.items() if name not in ("expect", "reason")}
        yield "acceptance expected", {**accepted, "output": {}}
        yield "another stage", {**case, "expect": "none"}
        yield "neither output nor refusal", accepted
    if "reason" in case:
        yield "another reason", {**case, "reason": "none"}


def altered_forms(case, may_be_absent):
    """What is no case of the format. None of these runs anything."""
    for name in ("id", "comment", "rule", "input"):
        yield f"no {name}", {other: value for other, value in case.items() if other != name}
    yield "an unknown field", {**case, "more": "00"}
    yield "another rule", {**case, "rule": "ratchet 13"}
    yield "an input more", {**case, "input": {**case["input"], "more": "00"}}
    for place in ("given", "input"):
        for name, value in case.get(place, {}).items():
            less = {other: rest for other, rest in case[place].items() if other != name}
            if name not in may_be_absent:
                yield f"{place} {name} missing", {**case, place: less}
            for wrong in (None, True, 1.5, {}):
                yield f"{place} {name} is {wrong}", {**case, place: {**case[place], name: wrong}}


def altered_files(file):
    for name in file:
        yield f"no {name}", {other: value for other, value in file.items() if other != name}
    yield "an unknown field", {**file, "more": ""}
    yield "another schema", {**file, "schema": "sotto-vectors/2"}
    if "verdicts" in file:
        yield "no verdicts", {**file, "verdicts": {}}
        for number, verdict in ("x", "accept: yes"), ("0", "accept"), ("0", "maybe: no"), ("0", None):
            yield f"{number}: {verdict}", {**file, "verdicts": {number: verdict}}
    if "cases" in file:
        yield "no cases", {**file, "cases": []}
        yield "one id twice", {**file, "cases": [file["cases"][0]] * 2}
        yield "another operation", {**file, "operation": "none"}
        yield "another folder", {**file, "construction": "none"}


def samples(cases):
    """The first case of each form and kind: with its outputs, or with its stage."""
    found = {}
    for case in cases:
        kind = case["output"].keys() if "output" in case else [case["expect"]]
        given = {**case.get("given", {}), **case["input"]}
        found.setdefault((tuple(sorted(given)), tuple(sorted(kind))), case)
    return found.values()


def alterations(file, operations):
    yield from altered_files(file)
    forms = operations.get(f"{file.get('construction')}/{file.get('operation')}", [])
    may_be_absent = {name for form, _ in forms for name in vectors.fields(form.split("->")[0])[1]}
    for case in samples(file.get("cases", [])):
        for what, altered in (*altered_results(case), *altered_forms(case, may_be_absent)):
            yield f"{case['id']}: {what}", {**file, "cases": [altered]}


def run(paths, operations):
    """Whether every alteration of every file was noticed, and no file was changed on the way."""
    tried = missed = 0
    for path in paths:
        file = vectors.load(path)
        before, count = copy.deepcopy(file), 0
        for what, altered in alterations(file, operations):
            count += 1
            _, failures = vectors.run_file(path.resolve(), altered, operations)
            if not failures:
                print(f"{path}: not noticed: {what}")
                missed += 1
        if file != before:
            print(f"{path}: the test altered its own copy")
            missed += 1
        tried += count
    print(f"{tried} alterations, {missed} not noticed")
    return examples.run() and missed == 0 and tried > 0
