"""Asks a running relay what Specs/openapi.json allows, and judges its answers by that document.

check.py http://127.0.0.1:PORT [--max-examples N] [--self-test]
"""
import argparse, base64, collections, hashlib, json, pathlib, secrets, sys, time

import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
          response_schema_conformance]
# Streams are no HTTP, and the relay that is asked wakes nobody, and lets everybody in.
AWAY = ("stream", "send", "setPush", "deletePush", "tokenKeys", "issueTokens")
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "Specs/openapi.json"


def label(text):
    text = b"Sotto/1 " + text.encode()
    return bytes([len(text)]) + text


def name_of(text, value):
    """H(label; value), for values shorter than 64 bytes."""
    return hashlib.blake2b(label(text) + bytes([len(value)]) + value, digest_size=32).digest()


class Owner:
    def __init__(self, origin):
        self.origin = origin
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.public = self.key.public_key().public_bytes_raw()
        self.mailbox = name_of("mailbox", self.public)[:16].hex()
        self.capability = bytes([7]) * 32
        self.sequence = int(time.time() * 1000)

    def sign(self, method, path, body, extra):
        """The headers of [request.2]."""
        digest = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
        fields = [("content-digest", digest)]
        self.sequence += 1
        if method in ("PUT", "DELETE"):
            extra = {**extra, "sotto-sequence": str(self.sequence)}
        for name in ("sotto-sequence", "sotto-list-sequence", "if-match", "if-none-match"):
            if name in extra:
                fields.append((name, extra[name]))
        components = [("@method", method), ("@target-uri", self.origin + path)] + fields
        names = " ".join(f'"{name}"' for name, _ in components)
        parameters = f'({names});created={int(time.time())};keyid="{self.public.hex()}";alg="ed25519"'
        lines = [f'"{name}": {value}' for name, value in components] + [f'"@signature-params": {parameters}']
        signature = base64.b64encode(self.key.sign("\n".join(lines).encode())).decode()
        return {**dict(fields), "signature-input": "sotto=" + parameters, "signature": f"sotto=:{signature}:"}


def good(owner, operation, state):
    """Path parameters, headers and body of a request that should succeed."""
    ident, mailbox = operation.definition.raw["operationId"], owner.mailbox
    state["n"] += 1
    n = state["n"]
    path, headers, body = {"mailbox": mailbox}, {}, b""
    capability = {"sotto-capability": owner.capability.hex()}
    if ident == "setCapabilities":
        body = bytes([41, 2]) + name_of("capability", owner.capability) + bytes(8)
    elif ident == "putSignedPart":
        body = n.to_bytes(8, "big") + bytes([3, 1, 2, 3])
    elif ident == "putBatch":
        path["batch"], body = str(n), bytes([6, 0, 0, 0, 0, 1, 9])
    elif ident == "claimPrekeys":
        headers = capability
    elif ident == "putEnvelope":
        path["envelope"], headers, body = secrets.token_hex(16), capability, bytes(512)
    elif ident in ("readCard", "putCard", "deleteCard"):
        path = {"card": state["card"]}
        if ident == "putCard":
            path = {"card": "%032x" % n}
            headers, body = {"sotto-list-sequence": "1", "if-none-match": "*"}, b"sealed"
    elif ident in ("claimUpload", "appendUpload", "deleteUpload"):
        path["blob"] = state["upload"]
        if ident == "claimUpload":
            headers = {**capability, "upload-length": "65536"}
        elif ident == "appendUpload":
            headers, body = {**capability, "upload-offset": "0"}, bytes(65536)
    elif ident in ("readBlob", "blobHead"):
        path = {"blob": state["blob"]}
    return path, headers, body


def send(case, session, owner, url, path, headers, body):
    case.path_parameters = {**(case.path_parameters or {}), **path}
    target = case.operation.path.format(**case.path_parameters)
    if "signature" in {p.name for p in case.operation.headers}:
        headers = owner.sign(case.method.upper(), target, body, headers)
    case.headers, case.query, case.body = headers, {}, body
    response = session.request(case.method, url + target, headers=headers, data=body, timeout=60)
    return response


def explore(operation, owner, url, state, examples, counts, failures):
    session = requests.Session()

    @seed(1)
    @settings(max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), kind=st.sampled_from(["good", "good", "body", "raw"]))
    def run(case, kind):
        path, headers, body = good(owner, operation, state)
        if kind == "raw":
            response = case.call(base_url=url, session=session, timeout=60)
            counts[operation.label][response.status_code] += 1
            return case.validate_response(response, checks=CHECKS)
        if kind == "body" and isinstance(case.body, (bytes, str)):
            body = case.body if isinstance(case.body, bytes) else case.body.encode()
        response = send(case, session, owner, url, path, headers, body)
        counts[operation.label][response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    try:
        run()
    except FailureGroup as group:  # the other operations go on
        failures += [f"{operation.label}: {error}"[:3000] for error in group.exceptions]


def prepare(owner, url, state):
    def ask(method, path, body=b"", headers=None, signed=True):
        headers = owner.sign(method, path, body, headers or {}) if signed else headers
        response = requests.request(method, url + path, data=body, headers=headers, timeout=60)
        assert response.ok, (method, path, response.status_code, response.text)

    inside, capability = f"/v1/mailboxes/{owner.mailbox}", {"sotto-capability": owner.capability.hex()}
    ask("PUT", inside)
    ask("PUT", inside + "/capabilities", bytes([41, 2]) + name_of("capability", owner.capability) + bytes(8))
    ask("PUT", inside + "/prekeys/signed-part", (1).to_bytes(8, "big") + bytes([3, 1, 2, 3]))
    ask("PUT", f"/v1/cards/{state['card']}", b"sealed", {"sotto-list-sequence": "1", "if-none-match": "*"})
    for name in (state["blob"], state["upload"]):
        ask("PUT", f"{inside}/blobs/{name}", b"", {**capability, "upload-length": "65536"}, False)
    ask("PATCH", f"{inside}/blobs/{state['blob']}", bytes(65536), {**capability, "upload-offset": "0"}, False)


def judge(document, url, examples, only=None):
    schema = schemathesis.openapi.from_dict(document)
    owner = Owner(url)
    state = {"n": 1000, "card": secrets.token_hex(16), "blob": secrets.token_hex(16), "upload": secrets.token_hex(16)}
    prepare(owner, url, state)
    counts, failures = collections.defaultdict(collections.Counter), []
    operations = [result.ok() for result in schema.get_all_operations()]
    # What removes things comes last, the mailbox itself at the very end.
    order = {"deleteMailbox": 3, "deleteUploads": 2}
    ident = lambda operation: operation.definition.raw["operationId"]
    operations.sort(key=lambda o: order.get(ident(o), 1 if o.method.upper() == "DELETE" else 0))
    for operation in operations:
        if only and ident(operation) not in only:
            continue
        explore(operation, owner, url, state, examples, counts, failures)
        if not any(200 <= status < 300 for status in counts[operation.label]) and ident(operation) not in AWAY:
            failures.append(f"{operation.label} was never answered with 2xx")
    return counts, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--max-examples", type=int, default=20)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    document = json.loads(DOCUMENT.read_text())
    if arguments.self_test:
        del document["paths"]["/livez"]["get"]["responses"]["200"]
        _, failures = judge(document, arguments.url, 3, ["live"])
        if not any("status code" in failure.lower() for failure in failures):
            sys.exit("An answer that the document does not name went unnoticed.")
        return print("self-test: an answer that the document does not name is noticed")
    counts, failures = judge(document, arguments.url, arguments.max_examples)
    for operation, statuses in counts.items():
        print(f"{operation:58} " + "  ".join(f"{status}: {n}" for status, n in sorted(statuses.items())))
    for failure in failures:
        print("FAILED", failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
