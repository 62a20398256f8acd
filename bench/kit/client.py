"""A PostgreSQL client in a few lines: trust login and simple queries, each with a time limit."""

import socket
import struct
import time

PROTOCOL_30 = 196608
HEADER = struct.Struct("!cI")


class ServerError(Exception):
    def __init__(self, fields):
        super().__init__(fields.get("M", "unknown error"))
        self.sqlstate = fields.get("C", "")
        self.severity = fields.get("S", "")
        self.hint = fields.get("H", "")


class Hangs(Exception):
    """No answer within the limit."""


class Client:
    def __init__(self, port, user, database, limit_s):
        self.limit_s = limit_s
        self.socket = self.guarded(
            lambda: socket.create_connection(("127.0.0.1", port), timeout=limit_s))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        names = f"user\0{user}\0database\0{database}\0\0".encode()
        self.socket.sendall(struct.pack("!II", 8 + len(names), PROTOCOL_30) + names)

    def finish_login(self, limit_s=None):
        return self.answer(limit_s)

    def query(self, sql, limit_s=None):
        body = sql.encode() + b"\0"
        self.socket.sendall(HEADER.pack(b"Q", 4 + len(body)) + body)
        return self.answer(limit_s)

    def answer(self, limit_s=None):
        """The number of rows, when ReadyForQuery has come."""
        deadline = time.monotonic() + (limit_s or self.limit_s)
        rows, error = 0, None
        while True:
            tag, body = self.message(deadline)
            if tag == b"E":
                error = ServerError(fields_of(body))
                if error.severity == "FATAL":
                    raise error
            elif tag == b"D":
                rows += 1
            elif tag == b"Z":
                if error:
                    raise error
                return rows

    def message(self, deadline):
        tag, size = HEADER.unpack(self.exactly(HEADER.size, deadline))
        return tag, self.exactly(size - 4, deadline)

    def exactly(self, size, deadline):
        parts = b""
        while len(parts) < size:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            more = self.guarded(lambda: self.socket.recv(size - len(parts)))
            if not more:
                raise ServerError({"M": "connection closed"})
            parts += more
        return parts

    @staticmethod
    def guarded(action):
        try:
            return action()
        except TimeoutError as late:
            raise Hangs() from late

    def close(self):
        self.socket.close()


def fields_of(body):
    parts = body.rstrip(b"\0").split(b"\0")
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts if part}
