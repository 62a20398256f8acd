"""A server that speaks PostgreSQL's protocol and does what a test tells it to, however rude.

A script is a function of one FakeConnection; it runs in a thread of its own from the moment the
connection is accepted. Where the other side closes, the script simply ends.
"""

import socket
import struct
import threading

from . import messages
from .messages import Frame, frame, text

PARAMETERS = {"server_version": "15.0", "client_encoding": "UTF8", "DateStyle": "ISO, MDY",
              "standard_conforming_strings": "on", "TimeZone": "UTC"}

AFTERWARDS = {"BEGIN": "T", "COMMIT": "I", "ROLLBACK": "I"}


class Ended(Exception):
    """The other side closed the connection."""


# What a server says


def authentication_ok():
    return frame(b"R", struct.pack("!i", 0))


def parameter_status(name, value):
    return frame(b"S", text(name) + text(value))


def backend_key(pid, secret):
    return frame(b"K", struct.pack("!I", pid) + secret)


def ready(status="I"):
    return frame(b"Z", status.encode())


def complete(tag):
    return frame(b"C", text(tag))


def row_description(*names):
    fields = b"".join(text(name) + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0) for name in names)
    return frame(b"T", struct.pack("!h", len(names)) + fields)


def data_row(*values):
    body = struct.pack("!h", len(values))
    for value in values:
        raw = value if isinstance(value, bytes) else str(value).encode()
        body += struct.pack("!i", len(raw)) + raw
    return frame(b"D", body)


def fields(tag, *pairs):
    """An ErrorResponse or NoticeResponse of exactly these (code, text) pairs."""
    return frame(tag, b"".join(code.encode() + text(value) for code, value in pairs) + b"\0")


def error(sqlstate, message, severity="ERROR"):
    return fields(b"E", ("S", severity), ("V", severity), ("C", sqlstate), ("M", message))


def notice(message):
    return fields(b"N", ("S", "NOTICE"), ("V", "NOTICE"), ("C", "00000"), ("M", message))


def result(value, status="I"):
    """The whole answer to a simple query of one row with one column."""
    return row_description("value") + data_row(value) + complete("SELECT 1") + ready(status)


class FakeConnection:
    """One accepted connection. `number` counts them from 0, cancel requests not included."""

    def __init__(self, accepted):
        self.socket, self.number = accepted, 0
        self.pid, self.secret = 1000, b"key!"
        self.startup, self.status = {}, "I"
        self._buffer = bytearray()

    # Bytes and frames

    def send(self, *data):
        try:
            self.socket.sendall(b"".join(data))
        except OSError as failure:
            raise Ended from failure

    def read_bytes(self, count):
        while len(self._buffer) < count:
            try:
                received = self.socket.recv(1 << 16)
            except OSError as failure:
                raise Ended from failure
            if not received:
                raise Ended
            self._buffer += received
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def read(self):
        tag = self.read_bytes(1)
        return Frame(tag, self.read_bytes(struct.unpack("!i", self.read_bytes(4))[0] - 4))

    def read_until(self, tag):
        while (got := self.read()).tag != tag:
            pass
        return got

    def query(self):
        """The text of the next simple query; what pgsaba says of its own accord is answered."""
        while True:
            got = self.read()
            if got.tag == b"P":
                self._begin()
            if got.tag != b"Q":
                continue
            sql = got.body[:-1].decode()
            if not sql.startswith(("SELECT pg_catalog.set_config(", "RESET ")):
                return sql
            self.send(complete("SET"), ready())

    def _begin(self):
        """What is parsed in front of a simple query is the BEGIN that its client sent before."""
        self.read_until(b"E")
        self.status = "T"
        self.send(frame(b"1"), frame(b"2"), complete("BEGIN"))

    # Conversations

    def read_startup(self):
        length, code = struct.unpack("!ii", self.read_bytes(8))
        body = self.read_bytes(length - 8)
        if code not in (messages.CANCEL_REQUEST_CODE, messages.SSL_REQUEST_CODE):
            words = [word.decode() for word in body.split(b"\0")]
            self.startup = dict(zip(words[0::2], words[1::2]))
        return code, body

    def ssl_answer(self, answer):
        """For scripts with `answers_ssl`: to the SSLRequest. After 'N' the startup packet comes."""
        self.send(answer)
        if answer == b"N":
            self.read_startup()

    def welcome(self, *extra):
        """All that a server says at login; `extra` comes between its parameters and its key."""
        parameters = (parameter_status(name, value) for name, value in PARAMETERS.items())
        self.send(authentication_ok(), *parameters, *extra, backend_key(self.pid, self.secret), ready())

    def answer(self, sql):
        """BEGIN, COMMIT and ROLLBACK as a server would, anything else with its own text."""
        command = sql.split()[0].upper()
        if command in AFTERWARDS:
            self.status = AFTERWARDS[command]
            self.send(complete(command), ready(self.status))
        else:
            self.send(result(sql, self.status))

    def serve(self):
        """Answers simple queries for as long as somebody asks."""
        while True:
            self.answer(self.query())

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes without a goodbye on the wire."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def serve(connection):
    connection.welcome()
    connection.serve()


class FakePostgres:
    """Accepts on a free loopback port. The n-th connection runs the n-th script, the last one is
    repeated. `on_cancel(connection, pid, secret)` runs before a cancel request's connection closes.
    """

    def __init__(self, *scripts, on_cancel=None, name="fake"):
        self.name, self.host = name, "127.0.0.1"
        self.scripts = scripts or (serve,)
        self.on_cancel = on_cancel
        self.connections, self.cancels, self.failures = [], [], []
        self._threads, self._sockets = [], []
        self._lock = threading.Lock()
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def _start(self, action, *arguments):
        thread = threading.Thread(target=action, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(accepted)
            self._start(self._run, accepted)

    def _run(self, accepted):
        connection = FakeConnection(accepted)
        try:
            code, body = connection.read_startup()
            if code == messages.CANCEL_REQUEST_CODE:
                self._take_cancel(connection, body)
            else:
                self._number(connection)
                script = self.scripts[min(connection.number, len(self.scripts) - 1)]
                if code == messages.SSL_REQUEST_CODE and not hasattr(script, "answers_ssl"):
                    connection.ssl_answer(b"N")
                script(connection)
        except Ended:
            pass
        except Exception as failure:  # noqa: BLE001: told by close()
            self.failures.append(failure)
        finally:
            accepted.close()

    def _number(self, connection):
        with self._lock:
            connection.number = len(self.connections)
            connection.pid += connection.number
            self.connections.append(connection)

    def _take_cancel(self, connection, body):
        pid, secret = struct.unpack_from("!I", body)[0], body[4:]
        self.cancels.append((pid, secret))
        if self.on_cancel:
            self.on_cancel(connection, pid, secret)

    def close(self):
        """Ends everything and raises what went wrong in a script."""
        # A thread in accept() keeps the socket alive until it is shut down.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for held in self._sockets:
            try:
                held.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(5)
        if self.failures:
            raise self.failures[0]
