"""usage: with_sockets.py ADDRESS... -- COMMAND...    runs COMMAND with listening sockets, passed on as
systemd does it. An address is a TCP port on 127.0.0.1 or a path."""

import os
import socket
import sys


def listening(address):
    if address.isdigit():
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", int(address)))
    else:
        made = socket.socket(socket.AF_UNIX)
        made.bind(address)
    made.listen(16)
    return made


def main(arguments):
    at = arguments.index("--")
    sockets = [listening(address) for address in arguments[:at]]
    high = [os.dup2(made.fileno(), 50 + i) for i, made in enumerate(sockets)]
    for number, fd in enumerate(high, 3):
        os.dup2(fd, number, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
    os.execv(arguments[at + 1], arguments[at + 1:])


main(sys.argv[1:])
