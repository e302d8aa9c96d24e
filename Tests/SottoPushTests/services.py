"""Push services for tests: APNs, FCM with Google's token endpoint, and a Web Push service with a device behind it.

Each refuses whatever its provider's published contract does not allow, and decrypts with libraries that are not ours.
Usage: services.py CERTIFICATE KEY EXPECTED.json

`listening PORT` is the first line on standard output; then one JSON object for each request that was answered:
{"service", "status", "why", ...}. Lines on standard input, JSON too, say what the next request to a service meets:
{"service": "apns", "status": 410, "reason": "Unregistered", "headers": {...}, "goaway": true, "silence": seconds,
"drip": true: the body never ends, "hangup": true: over HTTP/2 the connection ends without an answer}.
{"service": "google", "withdraw": true} makes the access token of before worthless.
Each is answered by the line `taken` when it counts.
"""

import asyncio
import base64
import json
import re
import ssl
import sys
import time
import urllib.parse

import h2.config
import h2.connection
import h2.events
import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


class Refused(Exception):
    def __init__(self, status, reason, headers=None):
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers or {}


def unbase64(text):
    if "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(jwt, algorithm, key, **header):
    """The claims of a token that `key` has signed; ValueError for any other."""
    head, body, signature = jwt.split(".")
    fields = json.loads(unbase64(head))
    if fields.get("alg") != algorithm or any(fields.get(name) != value for name, value in header.items()):
        raise ValueError("header")
    signed = f"{head}.{body}".encode()
    signature = unbase64(signature)
    try:
        if algorithm == "ES256":
            if len(signature) != 64:
                raise ValueError("signature length")
            der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
            key.verify(der, signed, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise ValueError("signature") from error
    return json.loads(unbase64(body))


class APNs:
    """"Sending notification requests to APNs", and what its table of reasons says."""

    def __init__(self, expected):
        self.key = serialization.load_pem_public_key(expected["key"].encode())
        self.key_id, self.team, self.topic = expected["key_id"], expected["team"], expected["topic"]
        self.token, self.since = None, 0

    def answer(self, request):
        if request.version != "h2":
            raise Refused(505, "HTTP/2 only")
        if request.method != "POST":
            raise Refused(405, "MethodNotAllowed")
        device = re.fullmatch(r"/3/device/([0-9a-f]{2,200})", request.path)
        if not device:
            raise Refused(404, "BadPath")
        self.check_token(request)
        topic = request.one("apns-topic")
        if topic is None:
            raise Refused(400, "MissingTopic")
        if topic != self.topic:
            raise Refused(400, "BadTopic")
        if request.one("apns-push-type") not in {"alert", "background"}:
            raise Refused(400, "InvalidPushType")
        if request.one("apns-priority") not in {None, "10", "5", "1"}:
            raise Refused(400, "BadPriority")
        if not re.fullmatch(r"\d+", request.one("apns-expiration") or "0"):
            raise Refused(400, "BadExpirationDate")
        if len(request.one("apns-collapse-id") or "") > 64:
            raise Refused(400, "BadCollapseId")
        if not request.body:
            raise Refused(400, "PayloadEmpty")
        if len(request.body) > 4096:
            raise Refused(413, "PayloadTooLarge")
        payload = json.loads(request.body)
        if request.one("apns-push-type") == "alert" and "alert" not in payload["aps"]:
            raise Refused(400, "no alert")
        if set(payload) != {"aps"}:
            raise Refused(400, "more than a wakeup")
        return 200, {"device": device[1], "expiration": request.one("apns-expiration")}

    def check_token(self, request):
        word, _, token = (request.one("authorization") or "").partition(" ")
        if word != "bearer":
            raise Refused(403, "MissingProviderToken")
        try:
            claims = claims_of(token, "ES256", self.key, kid=self.key_id)
        except ValueError as error:
            raise Refused(403, "InvalidProviderToken") from error
        now = time.time()
        if claims.get("iss") != self.team or not isinstance(claims.get("iat"), int) or claims["iat"] > now + 60:
            raise Refused(403, "InvalidProviderToken")
        if claims["iat"] < now - 3600:
            raise Refused(403, "ExpiredProviderToken")
        if self.token not in (None, token) and now - self.since < 1200:
            raise Refused(429, "TooManyProviderTokenUpdates")
        if self.token != token:
            self.token, self.since = token, now


class Google:
    """RFC 7523 as Google's token endpoint takes it, and the HTTP v1 API of FCM."""

    SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

    def __init__(self, expected, origin):
        self.key = serialization.load_pem_public_key(expected["key"].encode())
        self.email, self.project, self.origin = expected["email"], expected["project"], origin
        self.tokens, self.count = {}, 0

    def grant(self, request):
        if request.method != "POST" or request.one("content-type") != "application/x-www-form-urlencoded":
            raise Refused(400, "invalid_request")
        form = urllib.parse.parse_qs(request.body.decode(), strict_parsing=True)
        if form.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"] or set(form) != {
            "grant_type",
            "assertion",
        }:
            raise Refused(400, "unsupported_grant_type")
        try:
            claims = claims_of(form["assertion"][0], "RS256", self.key)
        except ValueError as error:
            raise Refused(400, "invalid_grant") from error
        now = time.time()
        if (claims["iss"], claims["scope"], claims["aud"]) != (self.email, self.SCOPE, f"{self.origin}/token"):
            raise Refused(400, "invalid_grant")
        if not now - 300 < claims["iat"] < now + 300 or not claims["iat"] < claims["exp"] <= claims["iat"] + 3600:
            raise Refused(400, "invalid_grant")
        self.count += 1
        token = f"ya29.{self.count}"
        self.tokens[token] = now + 3599
        return 200, {"body": {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}}

    def answer(self, request):
        if request.path == "/token":
            return self.grant(request)
        if request.path != f"/v1/projects/{self.project}/messages:send":
            raise Refused(404, "NOT_FOUND")
        word, _, token = (request.one("authorization") or "").partition(" ")
        if word != "Bearer" or self.tokens.get(token, 0) < time.time():
            raise Refused(401, "UNAUTHENTICATED")
        if request.method != "POST" or not (request.one("content-type") or "").startswith("application/json"):
            raise Refused(400, "INVALID_ARGUMENT")
        outer = json.loads(request.body)
        message = outer.get("message", {})
        android = message.get("android", {})
        allowed = (
            set(outer) == {"message"}
            and set(message) <= {"token", "data", "android"}
            and set(android) <= {"priority", "ttl", "collapse_key"}
            and isinstance(message.get("token"), str)
            and all(isinstance(value, str) for value in message.get("data", {}).values())
            and android.get("priority") in {None, "NORMAL", "HIGH"}
            and re.fullmatch(r"\d+(\.\d{1,9})?s", android.get("ttl", "0s"))
        )
        if not allowed:
            raise Refused(400, "INVALID_ARGUMENT")
        return 200, {"device": message["token"], "body": {"name": f"projects/{self.project}/messages/1"}}


class WebPush:
    """RFC 8030 sections 5 and 5.2 to 5.4, RFC 8292, and the device: RFC 8291 by http_ece."""

    def __init__(self, expected, origin):
        self.path, self.auth, self.vapid = expected["path"], unbase64(expected["auth"]), expected["vapid"]
        number = int.from_bytes(unbase64(expected["private"]))
        self.device = ec.derive_private_key(number, ec.SECP256R1())
        self.origin = origin

    def answer(self, request):
        if request.path != self.path:
            raise Refused(404, "no such subscription")
        if request.method != "POST":
            raise Refused(405, "not a message")
        if not re.fullmatch(r"\d{1,10}", request.one("ttl") or ""):
            raise Refused(400, "TTL")
        if request.one("urgency") not in {None, "very-low", "low", "normal", "high"}:
            raise Refused(400, "Urgency")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", request.one("topic") or ""):
            raise Refused(400, "Topic")
        if request.one("content-encoding") != "aes128gcm":
            raise Refused(415, "Content-Encoding")
        if len(request.body) > 4096:
            raise Refused(413, "too long")
        self.check_vapid(request.one("authorization") or "")
        text = http_ece.decrypt(request.body, private_key=self.device, auth_secret=self.auth, version="aes128gcm")
        return 201, {"message": text.hex()}

    def check_vapid(self, field):
        match = re.fullmatch(r"vapid t=([^,\s]+), ?k=([A-Za-z0-9_-]+)", field)
        if not match or match[2] != self.vapid:
            raise Refused(401, "vapid")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64(match[2]))
        try:
            claims = claims_of(match[1], "ES256", key)
        except ValueError as error:
            raise Refused(403, str(error)) from error
        now = time.time()
        if claims.get("aud") != self.origin or not now < claims.get("exp", 0) <= now + 86400:
            raise Refused(403, "aud or exp")
        if not re.match("mailto:|https:", claims.get("sub", "")):
            raise Refused(403, "sub")


class Request:
    def __init__(self, version, fields):
        self.version, self.fields, self.body = version, fields, b""
        self.method, self.path = self.one(":method"), self.one(":path")

    def one(self, name):
        values = [value for key, value in self.fields if key == name]
        if len(values) > 1:
            raise Refused(400, f"{name} twice")
        return values[0] if values else None


class Services:
    def __init__(self, expected, port):
        origin = f"https://services.test:{port}"
        google = Google(expected["google"], f"https://127.0.0.1:{port}")
        self.services = {
            "apns": APNs(expected["apns"]),
            "google": google,
            "web-push": WebPush(expected["web_push"], origin),
        }
        self.orders = {name: [] for name in self.services}
        self.connections = 0

    def name_of(self, path):
        if path.startswith("/3/"):
            return "apns"
        return "google" if path == "/token" or path.startswith("/v1/projects/") else "web-push"

    async def answer(self, request):
        """Status, fields, body, and what becomes of the connection."""
        name = self.name_of(request.path)
        order = self.orders[name].pop(0) if self.orders[name] and request.path != "/token" else {}
        if order.get("silence"):
            await asyncio.sleep(order["silence"])
        fields, detail = {}, {}
        try:
            status, detail = self.services[name].answer(request)
            why = None
            if "status" in order:
                raise Refused(order["status"], order.get("reason", ""), order.get("headers", {}))
            body = detail.pop("body", None)
        except Refused as refused:
            status, why, fields = refused.status, refused.reason, refused.headers
            body = {"reason": why}
            if name == "google":
                code = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": why}
                body = {"error": {"code": status, "status": why, "details": [code]}}
        except (ValueError, KeyError, TypeError) as error:
            status, why, body = 400, f"{type(error).__name__}: {error}", {"reason": "malformed"}
        line = {"service": name, "path": request.path, "status": status, "why": why, "version": request.version}
        print(json.dumps(line | detail | {"connection": request.connection}), flush=True)
        end = next((kind for kind in ("goaway", "drip", "hangup") if order.get(kind)), None)
        return status, fields, b"" if body is None else json.dumps(body).encode(), end

    def take(self, line):
        order = json.loads(line)
        if order.get("withdraw"):
            self.services["google"].tokens.clear()
        else:
            self.orders[order["service"]].append(order)

    async def serve(self, reader, writer):
        self.connections += 1
        number = self.connections
        try:
            if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
                await self.serve_h2(reader, writer, number)
            else:
                await self.serve_h1(reader, writer, number)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def serve_h1(self, reader, writer, number):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("ascii").split("\r\n")
            method, path, _ = lines[0].split(" ")
            fields = [(":method", method), (":path", path)]
            for line in lines[1:-2]:
                key, _, value = line.partition(":")
                fields.append((key.strip().lower(), value.strip()))
            request = Request("http/1.1", fields)
            request.connection = number
            request.body = await reader.readexactly(int(request.one("content-length") or "0"))
            status, more, body, _ = await self.answer(request)
            text = f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\n"
            text += "".join(f"{key}: {value}\r\n" for key, value in more.items()) + "\r\n"
            writer.write(text.encode() + body)
            await writer.drain()

    async def serve_h2(self, reader, writer, number):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        requests = {}
        tasks = set()

        async def answer(stream, request):
            status, more, body, end = await self.answer(request)
            if end == "hangup":
                writer.close()
                return
            fields = [(":status", str(status))] + list(more.items())
            if end == "drip":
                connection.send_headers(stream, fields)
                for _ in range(120):
                    connection.send_data(stream, b" ")
                    writer.write(connection.data_to_send())
                    await writer.drain()
                    await asyncio.sleep(0.5)
                return
            connection.send_headers(stream, fields + [("content-length", str(len(body)))], end_stream=not body)
            if body:
                connection.send_data(stream, body, end_stream=True)
            if end == "goaway":
                connection.close_connection(last_stream_id=stream)
            writer.write(connection.data_to_send())
            await writer.drain()
            if end == "goaway":
                writer.close()

        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    requests[event.stream_id] = Request("h2", [(str(k), str(v)) for k, v in event.headers])
                    requests[event.stream_id].connection = number
                elif isinstance(event, h2.events.DataReceived):
                    requests[event.stream_id].body += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    task = asyncio.create_task(answer(event.stream_id, requests.pop(event.stream_id)))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            writer.write(connection.data_to_send())
            await writer.drain()


async def main():
    certificate, key, expected = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    services = None

    async def serve(reader, writer):
        await services.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    # An address that is not in the certificate.
    other = await asyncio.start_server(serve, "127.0.0.2", port, ssl=context)
    with open(expected, encoding="utf-8") as file:
        services = Services(json.load(file), port)
    print(f"listening {port}", flush=True)
    loop = asyncio.get_running_loop()
    # Ends with whoever started it.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        services.take(line)
        print("taken", flush=True)
    other.close()


asyncio.run(main())
