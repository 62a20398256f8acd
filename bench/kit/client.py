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
        self.send_query(sql)
        return self.answer(limit_s)

    def rows(self, sql):
        """The result of one statement, each row as {column: text}."""
        self.send_query(sql)
        names, found = [], []
        for tag, body in self.replies():
            if tag == b"T":
                names = column_names(body)
            elif tag == b"D":
                found.append(dict(zip(names, column_values(body))))
        return found

    def send_query(self, sql):
        body = sql.encode() + b"\0"
        self.socket.sendall(HEADER.pack(b"Q", 4 + len(body)) + body)

    def answer(self, limit_s=None):
        """The number of rows, when ReadyForQuery has come."""
        return sum(tag == b"D" for tag, _ in self.replies(limit_s))

    def replies(self, limit_s=None):
        """All messages up to ReadyForQuery; what failed is raised then."""
        deadline = time.monotonic() + (limit_s or self.limit_s)
        error = None
        while True:
            tag, body = self.message(deadline)
            if tag == b"E":
                error = ServerError(fields_of(body))
                if error.severity == "FATAL":
                    raise error
            elif tag == b"Z":
                if error:
                    raise error
                return
            yield tag, body

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


def column_names(body):
    """Of a RowDescription; 18 bytes follow each name."""
    names, at = [], 2
    while at < len(body):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode())
        at = end + 1 + 18
    return names


def column_values(body):
    """Of a DataRow; None for NULL."""
    values, at = [], 2
    while at < len(body):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at:at + size].decode())
        at += max(0, size)
    return values
