"""The same conversation with a direct connection and through pgsaba; the answers must be the same.

A script is a list of steps: bytes are sent, an Await reads frames. Anything the other side sends
after the last step, up to its goodbye, belongs to the answer as well.
"""

from typing import NamedTuple

from . import messages
from .client import ConnectionEnded, RawClient
from .messages import Frame


class Await(NamedTuple):
    tag: bytes
    count: int = 1


FAILED = b"\0"  # the tag of a frame that was made up here
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
                received.append(attempt(lambda data=step: delivery.send(client, data)))
        # Whoever is out of step answers this one wrongly.
        received.append(attempt(lambda: client.send(messages.query("select 'still in step'"))))
        received.append(collect(client, READY))
        received.append(attempt(lambda: client.send(messages.terminate())))
        received.append(attempt(client.read_to_end))
    return received


def collect(client, step):
    """As read_until; but what arrived before a failure is kept."""
    frames, left = [], step.count
    while left:
        frames += attempt(lambda: [client.read()])
        if frames[-1].tag == FAILED:
            break
        left -= frames[-1].tag == step.tag
    return frames


def attempt(action):
    """The frames that `action` returns, if any. Silence and a closed connection are answers, too:
    a frame that says so."""
    try:
        return action() or []
    except (OSError, ConnectionEnded) as failure:
        return [Frame(FAILED, type(failure).__name__.encode())]


def is_complete(received):
    return all(frame.tag != FAILED for step in received for frame in step)


def login_answer(where, **login):
    """What login says, without what differs by nature: order and the key of the backend."""
    with RawClient(where, **login) as client:
        frames = client.login_frames
    others = [frame for frame in frames if frame.tag not in (b"S", b"K", b"R")]
    return dict(client.parameters), others, sum(frame.tag == b"K" for frame in frames)
