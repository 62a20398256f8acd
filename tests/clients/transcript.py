"""What a client program says of a server.

A client program is called with host, port, user and database, runs its cases on that server, and
prints a line "name: result" for each; a case that fails prints "name: FAILED ..." and makes the exit
status 1. Results hold nothing that differs from run to run.
"""

import subprocess
from typing import NamedTuple

DATABASE = "postgres"
TIMEOUT_S = 60


class Target(NamedTuple):
    host: str
    port: int
    user: str

    @property
    def arguments(self):
        return [self.host, str(self.port), self.user, DATABASE]

    @property
    def dsn(self):
        return f"host={self.host} port={self.port} user={self.user} dbname={DATABASE}"


def transcript_of(command, target, env=None):
    """The results by name of case; complains if a case failed."""
    command = [*map(str, command), *target.arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT_S, env=env)
    cases = dict(line.partition(": ")[::2] for line in done.stdout.splitlines())
    failures = "\n".join(f"{name} {result}" for name, result in cases.items()
                         if result.startswith("FAILED"))
    assert done.returncode == 0, f"{' '.join(command)}:\n{failures}\n{done.stderr}"
    assert cases, f"{command[0]} ran no case"
    return cases


def compare(expected, got):
    different = {name: (expected.get(name), got.get(name))
                 for name in expected.keys() | got.keys()
                 if expected.get(name) != got.get(name)}
    shown = "\n".join(f"{name}\n  directly {one}\n  through  {other}"
                      for name, (one, other) in different.items())
    assert not different, shown
