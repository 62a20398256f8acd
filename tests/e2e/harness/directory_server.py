"""Debian's slapd on loopback, with a handful of people in it."""

import shutil
import signal
import socket
import subprocess

from .processes import as_user, free_port, server_user, spawn, wait_until

BASE = "dc=example,dc=net"
MANAGER = f"cn=Manager,{BASE}"
MANAGER_PASSWORD = "managers secret"

SETTINGS = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {path}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {path}/ca.crt
TLSCertificateFile {path}/server.crt
TLSCertificateKeyFile {path}/server.key
database mdb
maxsize 10485760
directory {path}/data
suffix "{base}"
rootdn "{manager}"
rootpw "{password}"
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=hidden,{base}" by anonymous auth by * none
access to * by * read
"""


def entry(name, unit, password, **attributes):
    lines = [f"dn: uid={name},ou={unit},{BASE}", "objectClass: inetOrgPerson", f"uid: {name}",
             f"cn: {name}", f"sn: {name}", f"userPassword: {password}"]
    return "\n".join(lines + [f"{key}: {value}" for key, value in attributes.items()]) + "\n"


class DirectoryServer:
    """`people` are (name, unit, password, attributes)."""

    def __init__(self, directory, files, ca, people):
        self.user = server_user()
        self.path = directory.make("ldap", self.user)
        data = self.path / "data"
        data.mkdir()
        for source, name in [(files.certificate, "server.crt"), (files.key, "server.key"),
                             (ca, "ca.crt")]:
            shutil.copyfile(source, self.path / name)
        self.port, self.secure_port = free_port(), free_port()
        (self.path / "slapd.conf").write_text(SETTINGS.format(
            path=self.path, base=BASE, manager=MANAGER, password=MANAGER_PASSWORD))
        units = ["people", "staff", "hidden"]
        ldif = [f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: e\n"]
        ldif += [f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n" for unit in units]
        ldif += [entry(name, unit, password, **more) for name, unit, password, more in people]
        (self.path / "people.ldif").write_text("\n".join(ldif))
        for made in self.path.iterdir():
            shutil.chown(made, self.user)
        self._process = None

    def start(self):
        done = subprocess.run(["/usr/sbin/slapadd", "-f", self.path / "slapd.conf", "-l",
                               self.path / "people.ldif"], capture_output=True, text=True, cwd="/",
                              **as_user(self.user))
        assert done.returncode == 0, done.stderr
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.secure_port}"
        with open(self.path / "log", "ab") as log:
            self._process = spawn(["/usr/sbin/slapd", "-f", self.path / "slapd.conf", "-h", urls,
                                   "-d", "0"], log, user=self.user)
        wait_until(self._accepts, 20, "slapd accepting connections")
        return self

    def _accepts(self):
        for port in (self.port, self.secure_port):
            socket.create_connection(("127.0.0.1", port), 1).close()
        return True

    def stop(self):
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None
