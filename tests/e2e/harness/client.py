"""A client that shows every byte: raw frames out, raw frames in, no driver in between."""

import socket
import struct

from . import messages
from .login import ScramClient, md5_response
from .messages import Frame
from .tls import wrap


class ServerError(Exception):
    """An ErrorResponse where none was expected."""

    def __init__(self, frame):
        self.fields = messages.error_fields(frame)
        super().__init__(f"{self.fields.get('C')}: {self.fields.get('M')}")

    @property
    def sqlstate(self):
        return self.fields["C"]


class ConnectionEnded(Exception):
    """The other side closed the connection."""


class RawClient:
    """Connects and, unless login=False, logs in.

    where     a (host, port) pair, or the path of a Unix socket
    tls       an ssl.SSLContext: everything is encrypted
    direct    TLS begins without asking
    login_frames  everything the server sent during login
    parameters    the latest ParameterStatus of each name
    """

    def __init__(self, where, user="postgres", database="postgres", password=None, options=None,
                 version=messages.PROTOCOL_3_0, timeout=10, login=True, tls=None, direct=False):
        self.user, self.database, self.password = user, database, password
        self.parameters, self.login_frames = {}, []
        self.backend_pid = self.backend_secret = None
        self._buffer = bytearray()
        self.socket = self._connect(where, timeout)
        if tls:
            self.socket = wrap(self.socket, tls, "localhost", direct)
        if login:
            self.login(options, version)

    @staticmethod
    def _connect(where, timeout):
        if isinstance(where, tuple):
            connection = socket.create_connection(where, timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(str(where))
        return connection

    # Bytes and frames

    def send(self, *data):
        self.socket.sendall(b"".join(data))

    def read_bytes(self, count):
        while len(self._buffer) < count:
            received = self.socket.recv(1 << 18)
            if not received:
                raise ConnectionEnded(f"{len(self._buffer)} of {count} bytes were left")
            self._buffer += received
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def read(self):
        """The next frame; ParameterStatus and BackendKeyData are remembered as well."""
        tag = self.read_bytes(1)
        length = struct.unpack("!i", self.read_bytes(4))[0]
        frame = Frame(tag, self.read_bytes(length - 4))
        if tag == b"S":
            name, value = frame.body.split(b"\0")[:2]
            self.parameters[name.decode()] = value.decode()
        elif tag == b"K":
            self.backend_pid = struct.unpack_from("!I", frame.body)[0]
            self.backend_secret = frame.body[4:]
        return frame

    def read_until(self, tag, count=1):
        """All frames up to the count-th one with this tag."""
        frames = []
        while count:
            frames.append(self.read())
            count -= frames[-1].tag == tag
        return frames

    def read_until_ready(self, count=1):
        return self.read_until(b"Z", count)

    def read_to_end(self):
        """All frames until the other side closes."""
        frames = []
        try:
            while True:
                frames.append(self.read())
        except (ConnectionEnded, ConnectionResetError):
            return frames

    def is_silent(self, seconds=0.2):
        """Whether nothing arrives for a while, not even the end."""
        if self._buffer:
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self._buffer += self.socket.recv(1)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)

    # Conversations

    def login(self, options=None, version=messages.PROTOCOL_3_0):
        parameters = {"user": self.user, "database": self.database, **(options or {})}
        self.send(messages.startup(parameters, version))
        scram = None
        while not self.login_frames or self.login_frames[-1].tag != b"Z":
            frame = self.read()
            self.login_frames.append(frame)
            if frame.tag == b"E":
                raise ServerError(frame)
            if frame.tag == b"R":
                scram = self._authenticate(frame.body, scram)

    def _authenticate(self, body, scram):
        kind, rest = struct.unpack_from("!i", body)[0], body[4:]
        if kind == 3:
            self.send(messages.password(messages.text(self.password)))
        elif kind == 5:
            self.send(messages.password(md5_response(self.user, self.password, rest)))
        elif kind == 10:
            scram = ScramClient(self.password)
            self.send(messages.password(scram.initial_response()))
        elif kind == 11:
            self.send(messages.password(scram.final_message(rest)))
        elif kind == 12:
            scram.verify(rest)
        elif kind != 0:
            raise ValueError(f"unknown authentication request {kind}")
        return scram

    def query(self, sql):
        """A simple query: every frame up to ReadyForQuery."""
        self.send(messages.query(sql))
        return self.read_until_ready()

    def rows(self, sql):
        """The rows of a simple query as lists of str or None; an error raises ServerError."""
        frames = self.query(sql)
        for frame in frames:
            if frame.tag == b"E":
                raise ServerError(frame)
        return [[None if value is None else value.decode() for value in messages.row_values(frame)]
                for frame in frames if frame.tag == b"D"]

    def value(self, sql):
        return self.rows(sql)[0][0]

    def close(self):
        """Says goodbye if anybody listens."""
        try:
            self.send(messages.terminate())
        except OSError:
            pass
        self.socket.close()

    def abandon(self):
        """Closes without a word, with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
