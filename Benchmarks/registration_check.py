"""make registration-check: people sign in at a provider, register at a fleet that does not know who they are, are woken
and read what was written to them; and tokens that are not genuine buy nothing.

Usage: registration_check.py FOLDER-OF-PROGRAMS FLEET-SCRIPT
The last line is one JSON object. Exit codes: 0 all as it should be; 1 otherwise; 69 the fleet does not come up.
"""

import base64
import hashlib
import hmac
import http.client
import http.cookiejar
import json
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

PROGRAMS, SCRIPT = sys.argv[1:3]
PASSPHRASE = "correct horse battery staple"


def say(text):
    print(text, file=sys.stderr, flush=True)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_heard(port):
    """Whether somebody listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
        return True
    except OSError:
        return False


def until(is_so):
    for _ in range(1800):
        if is_so():
            return
        time.sleep(0.1)
    raise RuntimeError("It never came to be.")


class Person:
    """Somebody with a home, and an account at the provider whose name nobody else may learn."""

    def __init__(self, name, fleet):
        self.fleet, self.home = fleet, f"{fleet.homes}/{name}"
        self.subject = f"{name}-{secrets.token_hex(8)}"

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [self.fleet.about["sotto"], *arguments, "--home", self.home, "--json"],
            env={"PATH": os.environ["PATH"], "SOTTO_PASSPHRASE": PASSPHRASE, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sotto(self, *arguments):
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=300)
        if process.returncode != 0:
            raise RuntimeError(f"sotto {' '.join(arguments)}: {process.returncode} {output} {errors}")
        return [json.loads(line) for line in output.splitlines()]

    def is_sent_here(self):
        """That nobody signs in on this machine for a relay which is elsewhere by its name, unless they say so."""
        process = self.start(
            "identity", "create", "--relay", self.fleet.about["url"], "--sign-in", "browser", SOTTO_LOCAL_PROVIDER="0")
        output, errors = process.communicate(timeout=300)
        if process.returncode != 77 or output or "on this machine" not in errors:
            raise RuntimeError(f"identity create: {process.returncode} {output} {errors}")

    def create(self):
        """Signs in by a browser that this is, and answers the address."""
        process = self.start("identity", "create", "--relay", self.fleet.about["url"], "--sign-in", "browser")
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"identity create: {process.wait()} {process.stderr.read()}")
        page = json.loads(line)["sign_in"]
        self.fleet.browse(page, self.subject, follow=True)
        output, errors = process.communicate(timeout=300)
        if process.returncode != 0:
            raise RuntimeError(f"identity create: {process.returncode} {output} {errors}")
        return json.loads(output.splitlines()[-1])["address"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Fleet:
    def __init__(self):
        self.folder = f"/tmp/sotto-registration-{secrets.token_hex(4)}"
        self.homes = tempfile.mkdtemp(prefix="sotto-registration-homes-")
        self.run("up", self.folder, "--relays", "2", "--push", "--sign-in", sys.executable, "--bin", PROGRAMS,
                 "--while", str(os.getpid()))
        with open(self.folder + "/fleet.json") as file:
            self.about = json.load(file)
        self.issuer = self.about["provider"]["issuer"]

    def run(self, *arguments):
        done = subprocess.run(["/bin/bash", SCRIPT, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            say(done.stdout + done.stderr)
            sys.exit(69)
        return done.stdout

    def remove(self):
        subprocess.run(["/bin/bash", SCRIPT, "down", self.folder], capture_output=True)
        for folder in (self.folder, self.homes):
            shutil.rmtree(folder, ignore_errors=True)

    def browse(self, page, subject, follow):
        """Says at the provider who somebody is; where that leads, or the page at the end."""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar, *([] if follow else [NoRedirect()]))
        body = urllib.parse.urlencode({"sub": subject}).encode()
        try:
            with opener.open(page, body, timeout=120) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code in (302, 303):
                return error.headers["location"]
            raise

    def id_token(self, subject, client="sotto", nonce=None):
        """As a program that is not ours would get one."""
        back = "http://127.0.0.1:9/callback"
        asked = {"response_type": "code", "client_id": client, "redirect_uri": back, "scope": "openid", "state": "s"}
        if nonce:
            asked["nonce"] = nonce
        place = self.browse(f"{self.issuer}/oauth2/authorize?" + urllib.parse.urlencode(asked), subject, follow=False)
        code = urllib.parse.parse_qs(urllib.parse.urlparse(place).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": client}
        with urllib.request.urlopen(f"{self.issuer}/oauth2/token", urllib.parse.urlencode(form).encode()) as answer:
            return json.load(answer)["id_token"]

    def nonce(self, body):
        """What a sign-in for these requests at this fleet has as its nonce."""
        name = self.about["authority"].encode()
        name = struct.pack(">H", len(name)) + name
        return b64(hashlib.sha256(struct.pack(">H", 2) + name + b"\0" + name + body).digest())

    def ask(self, relay, credential, body):
        """The status and the problem of a request for tokens, at one relay of the fleet, past NGINX."""
        port = urllib.parse.urlparse(self.about["relays"][relay]["url"]).port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", "/v1/tokens", body,
                           {"Host": self.about["authority"], "Authorization": f"Bearer {credential}"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, (json.loads(text)["type"].rsplit(":", 1)[1] if answer.status != 200 else None)

    def requests(self, count=1):
        """Blinded messages that are none: to the issuer any number is as good as another."""
        with urllib.request.urlopen(self.issuer_directory()) as answer:
            key = unb64(json.load(answer)["token-keys"][0]["token-key"])
        last = hashlib.sha256(key).digest()[-1]
        return b"".join(struct.pack(">HB", 2, last) + b"\0" + secrets.token_bytes(255) for _ in range(count))

    def issuer_directory(self):
        return urllib.request.Request(
            self.about["relays"][0]["url"] + "/.well-known/private-token-issuer-directory",
            headers={"Host": self.about["authority"]})

    def pushes(self):
        with urllib.request.urlopen(self.about["push"]["metrics"]) as answer:
            found = re.search(r'provider="web-push",result="woken"} (\d+)', answer.read().decode())
        return int(found.group(1)) if found else 0

    def leaked(self, canaries):
        """How many files of the fleet, the provider's own aside, have one of these in them."""
        found = set()
        for canary in canaries:
            grep = subprocess.run(["grep", "-rlaF", canary, self.folder], capture_output=True, text=True)
            found |= {line for line in grep.stdout.splitlines() if not line.startswith(self.about["provider"]["log"])}
        for file in sorted(found):
            say(f"A name or a token stands in {file}")
        return len(found)


def hostile(fleet, genuine, body):
    """Tokens that must buy nothing, each with a word about it."""
    head, claims, signature = genuine.split(".")
    header, payload = json.loads(unb64(head)), json.loads(unb64(claims))

    def part(value):
        return b64(json.dumps(value).encode())

    with urllib.request.urlopen(f"{fleet.issuer}/jwks") as answer:
        jwks = answer.read()
    keys = json.loads(jwks)["keys"]

    def hs256(key):
        words = part({**header, "alg": "HS256"}) + "." + claims
        return words + "." + b64(hmac.new(key, words.encode(), hashlib.sha256).digest())

    yield "no algorithm", part({**header, "alg": "none"}) + "." + claims + "."
    yield "no algorithm, and the signature", part({**header, "alg": "None"}) + "." + claims + "." + signature
    yield "a public modulus as a secret", hs256(unb64(keys[0]["n"]))
    yield "the key set as a secret", hs256(jwks)
    yield "another subject", head + "." + part({**payload, "sub": "somebody else"}) + "." + signature
    yield "another audience in it", head + "." + part({**payload, "aud": "another"}) + "." + signature
    yield "another key's name", part({**header, "kid": "../../dev/null"}) + "." + claims + "." + signature
    yield "a key set of its own", part({**header, "jku": "http://127.0.0.1:9/"}) + "." + claims + "." + signature
    yield "a key of its own", part({**header, "jwk": keys[0]}) + "." + claims + "." + signature
    yield "half a signature", head + "." + claims + "." + signature[: len(signature) // 2]
    yield "no signature", head + "." + claims + "."
    yield "padding", genuine + "="
    yield "a fourth part", genuine + ".e30"
    yield "nothing", ""
    yield "no token", "a.b.c"
    yield "genuine for another program", fleet.id_token("mallory", client="another-program")
    yield "genuine for other requests", fleet.id_token("mallory", nonce=fleet.nonce(body + body))


def walk(fleet):
    alice, bob = Person("alice", fleet), Person("bob", fleet)
    people = (alice, bob)
    alice.is_sent_here()
    addresses = [person.create() for person in people]
    say("Two people have signed in and registered.")
    alice.sotto("contact", "add", addresses[1], "--name", "bob")
    bob.sotto("contact", "add", addresses[0], "--name", "alice")
    push = fleet.about["push"]
    bob.sotto("device", "push", "enable", "--web-push", push["endpoint"] + "bob", "--gateway", push["gateway"])
    before = fleet.pushes()
    waiting = bob.start("receive", "--wait-push")
    until(lambda: is_heard(urllib.parse.urlparse(push["endpoint"]).port))
    alice.sotto("send", "bob", "wake up")
    output, errors = waiting.communicate(timeout=300)
    texts = [json.loads(line)["text"] for line in output.splitlines()]
    if waiting.returncode != 0 or texts != ["wake up"]:
        raise RuntimeError(f"receive --wait-push: {waiting.returncode} {texts} {errors}")
    # Counted when its answer has come. A second one would follow soon.
    until(lambda: fleet.pushes() > before)
    time.sleep(2)
    wakeups = fleet.pushes() - before
    say(f"One was woken {wakeups} times, and has read what was written.")

    refused, taken, tokens = 0, [], []
    body = fleet.requests()
    genuine = fleet.id_token("mallory")
    tokens.append(genuine)
    for word, token in hostile(fleet, genuine, body):
        for relay in (0, 1):
            status, problem = fleet.ask(relay, token, body)
            if (status, problem) == (401, "credential-refused"):
                refused += 1
            else:
                taken.append(f"{word}: {status} {problem}")
        tokens.append(token)
    # Genuine, once: at one relay, and then at another, and for other requests.
    once = [fleet.ask(0, genuine, body), fleet.ask(1, genuine, body), fleet.ask(1, genuine, fleet.requests())]
    if [status for status, _ in once] != [200, 200, 401]:
        taken.append(f"shown again: {once}")
    else:
        refused += 1
    for word in taken:
        say(f"Not refused as it should be: {word}")

    canaries = [person.subject for person in people] + [token for token in tokens if len(token) > 40]
    return {
        "registered": len(addresses), "refused": refused, "taken": len(taken), "wakeups": wakeups,
        "received": len(texts), "identifiers_leaked": fleet.leaked(canaries),
    }


def main():
    say("Bringing up a fleet with a provider and a push gateway: half a minute.")
    fleet = Fleet()
    try:
        answer = walk(fleet)
    except RuntimeError as error:
        say(str(error))
        sys.exit(1)
    finally:
        fleet.remove()
    print(json.dumps(answer, sort_keys=True))
    good = answer["registered"] == 2 and answer["wakeups"] == 1 and answer["received"] == 1
    sys.exit(0 if good and answer["taken"] == 0 and answer["identifiers_leaked"] == 0 else 1)


main()
