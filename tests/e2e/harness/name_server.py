"""A name server that answers when it is told to: one address for every name, or that there is none."""

import os
import socket
import struct
import threading

IPV4 = 1  # types of records
NO_SUCH_NAME = 3


class NameServer:
    """On port 53, since resolv.conf names no other, of a loopback address of this process's own."""

    def __init__(self):
        self.address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        self.asked = threading.Event()
        self._answers = threading.Event()
        self._found = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def answer(self, address):
        """From now on, and what has been asked already; None: there is no such name."""
        self._found = address
        self._answers.set()

    def close(self):
        self.answer(None)
        self._socket.sendto(b"", (self.address, 53))
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self.asked.set()
            self._answers.wait()
            self._socket.sendto(self._reply(query), client)

    def _reply(self, query):
        end = query.index(b"\0", 12) + 5  # behind the name, its type and its class
        kind = struct.unpack("!H", query[end - 4:end - 2])[0]
        found = self._found is not None and kind == IPV4
        flags = 0x8180 if self._found is not None else 0x8180 | NO_SUCH_NAME
        header = query[:2] + struct.pack("!HHHHH", flags, 1, found, 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", IPV4, 1, 1, 4)  # the name is that at byte 12
        return header + query[12:end] + (record + socket.inet_aton(self._found) if found else b"")
