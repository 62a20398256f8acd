"""The frontend's messages as bytes, and the backend's as frames (protocol 3, "Message Formats")."""

import struct
from typing import NamedTuple

PROTOCOL_3_0 = 3 << 16
SSL_REQUEST_CODE = 80877103
GSSENC_REQUEST_CODE = 80877104
CANCEL_REQUEST_CODE = 80877102


class Frame(NamedTuple):
    tag: bytes
    body: bytes

    def __repr__(self):
        body = repr(self.body) if len(self.body) <= 200 else f"{self.body[:100]!r}...{len(self.body)}"
        return f"{self.tag.decode('latin-1')}:{body}"


def frame(tag, body=b""):
    return tag + struct.pack("!i", len(body) + 4) + body


def text(value):
    return (value if isinstance(value, bytes) else value.encode()) + b"\0"


def untagged(code, body=b""):
    return struct.pack("!ii", len(body) + 8, code) + body


def startup(parameters, version=PROTOCOL_3_0):
    pairs = b"".join(text(key) + text(value) for key, value in parameters.items())
    return untagged(version, pairs + b"\0")


def ssl_request():
    return untagged(SSL_REQUEST_CODE)


def gssenc_request():
    return untagged(GSSENC_REQUEST_CODE)


def cancel_request(pid, secret):
    return untagged(CANCEL_REQUEST_CODE, struct.pack("!I", pid) + secret)


def query(sql):
    return frame(b"Q", text(sql))


def parse(name, sql, types=()):
    return frame(b"P", text(name) + text(sql) + struct.pack(f"!h{len(types)}I", len(types), *types))


def bind(portal="", statement="", values=(), formats=(), results=()):
    body = text(portal) + text(statement) + struct.pack(f"!h{len(formats)}h", len(formats), *formats)
    body += struct.pack("!h", len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            raw = value if isinstance(value, bytes) else str(value).encode()
            body += struct.pack("!i", len(raw)) + raw
    return frame(b"B", body + struct.pack(f"!h{len(results)}h", len(results), *results))


def describe_statement(name=""):
    return frame(b"D", b"S" + text(name))


def describe_portal(name=""):
    return frame(b"D", b"P" + text(name))


def execute(portal="", max_rows=0):
    return frame(b"E", text(portal) + struct.pack("!i", max_rows))


def close_statement(name=""):
    return frame(b"C", b"S" + text(name))


def close_portal(name=""):
    return frame(b"C", b"P" + text(name))


def sync():
    return frame(b"S")


def flush():
    return frame(b"H")


def terminate():
    return frame(b"X")


def copy_data(data):
    return frame(b"d", data if isinstance(data, bytes) else data.encode())


def copy_done():
    return frame(b"c")


def copy_fail(reason):
    return frame(b"f", text(reason))


def function_call(oid, values=()):
    """Text format in both directions."""
    body = struct.pack("!Ihhh", oid, 1, 0, len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return frame(b"F", body + struct.pack("!h", 0))


def password(value):
    return frame(b"p", value)


def error_fields(message):
    """{'S': 'ERROR', 'C': '42601', 'M': ...} of an ErrorResponse or NoticeResponse."""
    fields = message.body.rstrip(b"\0").split(b"\0")
    return {field[:1].decode(): field[1:].decode() for field in fields if field}


def row_values(message):
    """The columns of a DataRow as bytes, None for NULL."""
    count = struct.unpack_from("!h", message.body)[0]
    values, at = [], 2
    for _ in range(count):
        length = struct.unpack_from("!i", message.body, at)[0]
        at += 4
        values.append(None if length < 0 else message.body[at:at + length])
        at += max(length, 0)
    return values
