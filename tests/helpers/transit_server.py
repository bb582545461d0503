"""A double of the transit engine of Vault and OpenBao: what their documentation says of the requests that are used.

Real AES-256-GCM under keys of its own, versions, `min_decryption_version`, seal, tokens; faults by attribute.
"""

import base64
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "s.transit"


class RefusalError(Exception):
    def __init__(self, status, *errors):
        super().__init__(status)
        self.status, self.errors = status, errors


class TransitServer:
    """`with TransitServer() as server`: listens at `url`; `paths` tells what was asked."""

    def __init__(self):
        self.keys, self.types, self.least = {}, {}, {}
        self.sealed, self.limited, self.broken, self.garbled = False, False, False, False
        self.paths = []
        self._port, self._server, self._thread = 0, None, None

    def make(self, name, kind="aes256-gcm96"):
        self.keys[name], self.types[name], self.least[name] = [os.urandom(32)], kind, 1

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def start(self):
        """Listen, again on the port of before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self):
        """Be away: connections are refused."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    # --- what it answers ---

    def answer(self, method, path, token, body):
        self.paths.append(f"{method} {path}")
        if path == "sys/seal-status" and not self.broken:
            return {"type": "shamir", "initialized": True, "sealed": self.sealed, "t": 3, "n": 5, "progress": 0}
        if self.broken:
            raise RefusalError(500, "internal error")
        if self.sealed:
            raise RefusalError(503, "Vault is sealed")
        if self.limited:
            raise RefusalError(429, "request path rate limit quota exceeded")
        if token != TOKEN:
            raise RefusalError(403, "permission denied")
        found = re.fullmatch(r"transit/(encrypt|decrypt|keys|rewrap)/([^/]+)(/rotate)?", path)
        if found is None:
            raise RefusalError(404)
        operation, name, rotates = found.groups()
        if operation == "keys":
            return self._key(name, rotates, method)
        if name not in self.keys:
            raise RefusalError(400, "encryption key not found")
        return {"data": getattr(self, operation)(name, body)}

    def _key(self, name, rotates, method):
        if name not in self.keys:
            raise RefusalError(400 if rotates else 404, *(["key not found"] if rotates else []))
        if rotates and method == "POST":
            self.keys[name].append(os.urandom(32))
        versions = {str(one): 1_700_000_000 for one in range(1, len(self.keys[name]) + 1)}
        return {"data": {"name": name, "type": self.types[name], "derived": False, "keys": versions,
                         "latest_version": len(versions), "min_decryption_version": self.least[name],
                         "supports_encryption": True, "supports_decryption": True}}  # fmt: skip

    def encrypt(self, name, body):
        version, nonce = len(self.keys[name]), os.urandom(12)
        sealed = AESGCM(self.keys[name][-1]).encrypt(nonce, self._raw(body, "plaintext"), self._bound(body))
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(nonce + sealed).decode()}", "key_version": version}

    def decrypt(self, name, body):
        found = re.fullmatch(r"vault:v(\d+):(.+)", body.get("ciphertext", ""))
        if found is None:
            raise RefusalError(400, "invalid ciphertext: no prefix")
        version = int(found[1])
        if version < self.least[name]:
            raise RefusalError(400, "ciphertext or signature version is disallowed by policy (too old)")
        if version > len(self.keys[name]):
            raise RefusalError(400, "invalid ciphertext: version is too new")
        try:
            raw = base64.b64decode(found[2], validate=True)
            plain = AESGCM(self.keys[name][version - 1]).decrypt(raw[:12], raw[12:], self._bound(body))
        except ValueError:
            raise RefusalError(400, "invalid ciphertext: could not decode base64") from None
        except InvalidTag:
            raise RefusalError(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}

    def rewrap(self, name, body):
        if "associated_data" in body:
            raise RefusalError(400, "associated_data is not supported by rewrap")
        return self.encrypt(name, self.decrypt(name, body))

    @staticmethod
    def _raw(body, field):
        try:
            return base64.b64decode(body[field], validate=True)
        except (KeyError, ValueError):
            raise RefusalError(400, "failed to base64-decode plaintext") from None

    def _bound(self, body):
        return self._raw(body, "associated_data") if "associated_data" in body else None

    def _handler(server):  # noqa: N805 - the handler's own self is inside
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.removeprefix("/v1/")
                try:
                    said = server.answer(
                        self.command, path, self.headers.get("x-vault-token"), json.loads(body or "{}")
                    )
                    status, answer = 200, said
                except RefusalError as refusal:
                    status, answer = refusal.status, {"errors": list(refusal.errors)}
                text = b"<html>a proxy's page</html>" if server.garbled else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = _do  # noqa: N815 - the library's names

            def log_message(self, *_):
                pass

        return Handler
