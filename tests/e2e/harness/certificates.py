"""Certificates for tests, made by openssl(1): authorities, and what they sign."""

import subprocess
from typing import NamedTuple

EVERYWHERE = "DNS:localhost,IP:127.0.0.1"


class Files(NamedTuple):
    certificate: str
    key: str


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments}: {done.stderr}")
    return done.stdout


class Authority:
    """Signs certificates with its own, whose file is `certificate`. Everything lies in a directory
    of the TemporaryDirectory given. Keys belong to us, with mode 0600."""

    def __init__(self, directory, name):
        self.path = directory.make(name)
        self.certificate = str(self.path / "ca.crt")
        self.key = str(self.path / "ca.key")
        openssl("req", "-x509", *new_key(self.key), "-out", self.certificate, "-subj",
                f"/CN={name}", "-addext", f"subjectAltName={EVERYWHERE}", "-days", 30)

    @property
    def own(self):
        """Its own certificate, for which nobody vouches."""
        return Files(self.certificate, self.key)

    def issue(self, name, names=EVERYWHERE, file=None, days=30, key="ec"):
        """A certificate for the common name `name`, and the alternative names `names`."""
        stem = self.path / (file or name)
        files = Files(f"{stem}.crt", f"{stem}.key")
        openssl("req", *new_key(files.key, key), "-out", f"{stem}.csr", "-subj", f"/CN={name}")
        extensions = self.path / f"{stem.name}.ext"
        extensions.write_text(f"subjectAltName={names}\n" if names else "")
        openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", self.certificate, "-CAkey", self.key,
                "-CAcreateserial", "-days", days, "-extfile", extensions, "-out",
                files.certificate)
        return files

    def revoke(self, *certificates):
        """The path of its list of revoked certificates, made anew with these."""
        database, settings = self.path / "index.txt", self.path / "ca.conf"
        database.write_text("")
        settings.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {database}\n"
                            "default_md = sha256\ndefault_crl_days = 30\nunique_subject = no\n"
                            f"certificate = {self.certificate}\nprivate_key = {self.key}\n")
        for files in certificates:
            openssl("ca", "-config", settings, "-revoke", files.certificate)
        openssl("ca", "-config", settings, "-gencrl", "-out", self.path / "ca.crl")
        return str(self.path / "ca.crl")

    def expired(self, name):
        return self.issue(name, file=f"{name}-expired", days=-1)


def new_key(path, kind="ec"):
    options = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
    return ["-newkey", kind, *options, "-nodes", "-keyout", path]
