"""TLS for the harness: contexts, and a socket whose bytes a test can count, cut and hold back."""

import ssl

from . import messages


def context(ca=None, certificate=None, minimum=None, maximum=None, alpn=(), check_host=False):
    """A client's side. Without `ca` any certificate will do."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = check_host
    made.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        made.load_verify_locations(ca)
    if certificate:
        made.load_cert_chain(certificate.certificate, certificate.key)
    if minimum:
        made.minimum_version = minimum
    if maximum:
        made.maximum_version = maximum
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


def server_context(certificate, client_ca=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.certificate, certificate.key)
    if client_ca:
        made.load_verify_locations(client_ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class Refused(Exception):
    """The answer to an SSLRequest was not 'S'."""


def negotiate(plain):
    """SSLRequest on a socket; raises what the answer is if it is no."""
    plain.sendall(messages.ssl_request())
    answer = plain.recv(1)
    if answer != b"S":
        raise Refused(answer)


def wrap(plain, with_context, name=None, direct=False, session=None):
    """The TLS socket on top of a connected one."""
    if not direct:
        negotiate(plain)
    return with_context.wrap_socket(plain, server_hostname=name, session=session)


class SlowTls:
    """TLS whose every byte goes out on its own, as over the worst of networks."""

    def __init__(self, plain, with_context):
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = with_context.wrap_bio(self._incoming, self._outgoing)
        self._run(self._tls.do_handshake)

    def _run(self, action):
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                self._push()
                received = self._plain.recv(1 << 16)
                if not received:
                    self._incoming.write_eof()
                self._incoming.write(received)
            finally:
                self._push()

    def _push(self):
        for byte in self._outgoing.read():
            self._plain.sendall(bytes([byte]))

    def sendall(self, data):
        self._tls.write(data)
        self._push()

    def recv(self, size):
        return self._run(lambda: self._tls.read(size))

    def close(self):
        self._plain.close()
