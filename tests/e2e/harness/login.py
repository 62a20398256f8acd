"""Answers to the server's authentication requests: plain, MD5, SCRAM-SHA-256 (RFC 5802, 7677)."""

import base64
import hashlib
import hmac
import os

from . import messages


def md5_response(user, password, salt):
    inner = hashlib.md5((password + user).encode()).hexdigest()
    return messages.text("md5" + hashlib.md5(inner.encode() + salt).hexdigest())


class ScramClient:
    """One exchange without channel binding; raises if the server cannot prove itself."""

    MECHANISM = "SCRAM-SHA-256"

    def __init__(self, password):
        self._password = password.encode()
        self._nonce = base64.b64encode(os.urandom(18)).decode()
        self._bare = f"n=,r={self._nonce}"
        self._server_signature = None

    def initial_response(self):
        first = ("n,," + self._bare).encode()
        return messages.text(self.MECHANISM) + len(first).to_bytes(4, "big") + first

    def final_message(self, server_first):
        attributes = self._attributes(server_first)
        if not attributes["r"].startswith(self._nonce):
            raise ValueError("the server's nonce does not begin with ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(attributes["s"]),
                                     int(attributes["i"]))
        without_proof = f"c=biws,r={attributes['r']}"
        auth_message = ",".join((self._bare, server_first.decode(), without_proof)).encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), auth_message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._server_signature = hmac.digest(server_key, auth_message, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final):
        if base64.b64decode(self._attributes(server_final)["v"]) != self._server_signature:
            raise ValueError("the server does not know the password")

    @staticmethod
    def _attributes(message):
        return dict(part.split("=", 1) for part in message.decode().split(","))
