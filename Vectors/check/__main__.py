"""An independent checker of the test vectors: python Vectors/check [--self-test] [PATH...]

Written from Specs/ and Vectors/README.md alone. It recomputes every output and refuses every negative case at its
stage. Without a path it takes the folder that it stands in. SOTTO_PUBLIC_VECTORS=DIR adds the public collections that
the verdicts of ed25519-edge-cases/ are about. The exit code is 0 only if cases were executed and none failed.
"""
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left behind among the vectors

import attachments
import devices
import encoding
import handshake
import identity
import messages
import prekeys
import primitives
import ratchet
import relay
import sessions
import state
import vectors

MODULES = (primitives, encoding, identity, prekeys, handshake, ratchet, sessions, messages, attachments, devices, relay, state)
OPERATIONS = {name: forms for module in MODULES for name, forms in module.OPERATIONS.items()}
SHOWN = 20  # failures of one file


def files(paths):
    """Every file to run. A path without any is an error: a typing error must never look like a pass."""
    for path in paths:
        found = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        if not found:
            raise vectors.Wrong(f"{path}: no file of vectors")
        yield from found


def check(paths):
    executed = failed = 0
    for path in files(paths):
        try:
            count, failures = vectors.run_file(path.resolve(), vectors.load(path), OPERATIONS,
                                               os.environ.get("SOTTO_PUBLIC_VECTORS"))
        except (OSError, vectors.Wrong) as error:
            count, failures = 0, [str(error)]
        name = "/".join(path.resolve().parts[-2:])
        if count is None:
            print(f"{name:<48} not applicable: SOTTO_PUBLIC_VECTORS is not set")
            continue
        print(f"{name:<48} {count:4} executed, {len(failures)} failed")
        for failure in failures[:SHOWN]:
            print(f"  {failure}")
        if len(failures) > SHOWN:
            print(f"  and {len(failures) - SHOWN} more")
        executed, failed = executed + count, failed + len(failures)
    print(f"{executed} cases executed, {failed} failed")
    return failed == 0 and executed > 0


def main(arguments):
    options = [argument for argument in arguments if argument.startswith("-")]
    paths = [Path(argument) for argument in arguments if not argument.startswith("-")]
    paths = paths or [Path(__file__).resolve().parent.parent]
    if options == ["--self-test"]:
        import selftest
        return selftest.run(list(files(paths)), OPERATIONS)
    if options:
        print(__doc__, file=sys.stderr)
        return False
    return check(paths)


if __name__ == "__main__":
    try:
        sys.exit(0 if main(sys.argv[1:]) else 1)
    except vectors.Wrong as error:
        sys.exit(f"error: {error}")
