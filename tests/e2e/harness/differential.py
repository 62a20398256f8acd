"""The same conversation with a direct connection and through pgsaba; the answers must be the same.

A script is a list of steps: bytes are sent, an Await reads frames. Anything the other side sends
after the last step, up to its goodbye, belongs to the answer as well.
"""

from typing import NamedTuple

from . import messages
from .client import RawClient
from .messages import Frame


class Await(NamedTuple):
    tag: bytes
    count: int = 1


READY = Await(b"Z")


def ready(count):
    return Await(b"Z", count)


class Delivery(NamedTuple):
    """How the bytes of one step reach the socket: at once, or cut into pieces of `size`."""

    name: str
    size: int = 0

    def send(self, client, data):
        step = self.size or max(len(data), 1)
        for at in range(0, len(data), step):
            client.send(data[at:at + step])


WHOLE = Delivery("whole")
DRIBBLED = Delivery("dribbled", 3)


def converse(where, script, delivery=WHOLE, **login):
    """Runs a script on a new connection; the frames received after login, step by step."""
    received = []
    with RawClient(where, **login) as client:
        for step in script:
            if isinstance(step, Await):
                received.append(collect(client, step))
            else:
                delivery.send(client, step)
        # Whoever is out of step answers this one wrongly.
        client.send(messages.query("select 'still in step'"))
        received.append(collect(client, READY))
        client.send(messages.terminate())
        received.append(client.read_to_end())
    return received


def collect(client, step):
    """As read_until; silence and a closed connection become a last frame that says so."""
    frames, left = [], step.count
    try:
        while left:
            frames.append(client.read())
            left -= frames[-1].tag == step.tag
    except Exception as failure:  # any end of the conversation is part of the answer
        frames.append(Frame(b"!", f"{type(failure).__name__} instead of {step}".encode()))
    return frames


def is_complete(received):
    return all(frame.tag != b"!" for step in received for frame in step)


def login_answer(where, **login):
    """What login says, without what differs by nature: order and the key of the backend."""
    with RawClient(where, **login) as client:
        frames = client.login_frames
    others = [frame for frame in frames if frame.tag not in (b"S", b"K", b"R")]
    return dict(client.parameters), others, sum(frame.tag == b"K" for frame in frames)
