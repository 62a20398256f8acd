"""A wire between pgsaba and one server that breaks when something certain is said on it."""

import socket
import threading

from .processes import free_port


class WireTap:
    """Stands for `server` (host, port, name). The first connection on which `word` is sent to the
    server is closed on both sides, and the server does not hear of it."""

    def __init__(self, server, word):
        self.name, self.host, self.port = server.name, "127.0.0.1", free_port()
        self._server, self._word = server, word
        self.has_broken = threading.Event()
        self._listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection((self._server.host, self._server.port))
            except OSError:
                return
            for source, sink, word in ((near, far, self._word), (far, near, None)):
                threading.Thread(target=self._carry, args=(source, sink, word),
                                 daemon=True).start()

    def _carry(self, source, sink, word):
        try:
            while data := source.recv(1 << 16):
                if word and word in data and not self.has_broken.is_set():
                    self.has_broken.set()
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._listener.close()
