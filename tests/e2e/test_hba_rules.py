"""pg_hba.conf files, made at random: PostgreSQL and pgsaba read the same rules out of them."""

import os
import random
import shutil
import subprocess

import pytest
from harness.cluster import PostgresCluster

WORDS = ["all", "shop", "sameuser", "replication", "alice", '"all"', '"a b"', '"x""y"', "shop,blog",
         "shop, blog", "a,b,c", '"with,comma"', "Shop", "ünï", '""', 'sh"o"p', "shop,", "@names", "a@b",
         '"@names"', "#late"]
ADDRESSES = ["all", "samehost", "samenet", "10.0.0.0/8", "127.0.0.1/32", "0.0.0.0/0", "::1/128", "::/0",
             "fe80::/10", "10.0.0.1 255.255.255.255", "10.1.0.0 255.255.0.0", "::1 ffff::", "10.0.0.1/33",
             "10.0.0.1", "::1/129", "db.example.com", ".example.com", "db.example.com/32", "10.0.0.0/x",
             "10.0.0.0/", "fe80::1 255.0.0.0", '"all"', "::ffff:10.0.0.1/128", "10.0.0.0/8,11.0.0.0/8"]
METHODS = ["trust", "reject", "md5", "scram-sha-256", "password", "cert", "peer", "pam", "ldap", "TRUST",
           "nonsense", "md5,trust", '"md5"']
OPTIONS = ["map=m", "clientcert=verify-ca", "clientcert=verify-full", "clientcert=1", "clientname=DN",
           "clientname=CN", "clientname=x", "pamservice=pg", "ldapserver=l", "ldapserver=\"a b\"",
           "ldapbasedn=d", "ldapprefix=p", "ldapsuffix=s", "ldapsearchattribute=uid", "unknown=1",
           "nonsense", 'map="x y"', "ldapport=389", "ldapsearchfilter=f"]
TYPES = ["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc", "HOST", "hosts", '"host"']


# What one of the two does not show.
HIDDEN = ("clientname=", "ldapscope=")


def random_line(rng):
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(["", "   ", "# a comment", "\t# host all all all trust", ","])
    fields = [rng.choice(TYPES[:6] if rng.random() < 0.95 else TYPES), rng.choice(WORDS),
              rng.choice(WORDS)]
    if fields[0] != "local" or rng.random() < 0.03:
        fields.append(rng.choice(ADDRESSES[:10] if rng.random() < 0.7 else ADDRESSES))
    fields.append(rng.choice(METHODS[:9] if rng.random() < 0.9 else METHODS))
    while rng.random() < 0.35:
        fields.append(rng.choice(OPTIONS))
    if rng.random() < 0.05:
        fields = fields[:rng.randrange(1, len(fields))]
    blank = rng.choice([" ", "\t", "   "])
    if rng.random() < 0.05:
        fields.insert(rng.randrange(1, len(fields) + 1), "\\\n")
    line = blank.join(fields)
    return line + rng.choice(["", "", " # end", "#end", "\r"])


def of_postgres(cluster):
    """The rules as our tool writes them, without the options, which PostgreSQL completes."""
    rows = cluster.sql("select line_number, type, database, user_name, address, netmask, auth_method,"
                       " options, error from pg_hba_file_rules order by line_number")
    rules = []
    for number, kind, databases, users, address, mask, method, options, error in rows:
        if error is not None or kind is None:  # it forgets some of its error texts
            rules.append(([str(number), "error"], error))
            continue
        rules.append(([str(number), kind, ",".join(databases or []), ",".join(users or []), address or "-",
                       mask or "-", method],
                      sorted(option for option in options or [] if not option.startswith(HIDDEN))))
    return rules


def of_pgsaba(path):
    done = subprocess.run([os.environ["PGSABA_HBA_RULES_OF"], path], capture_output=True, text=True,
                          check=True)
    rules = []
    for line in done.stdout.splitlines():
        fields = line.split("\t")
        if fields[1] == "error":
            rules.append((fields[:2], fields[2]))
            continue
        options = {option.split("=")[0]: option for option in fields[7:]
                   if not option.startswith(HIDDEN)}
        if fields[6] == "cert":
            options["clientcert"] = "clientcert=verify-full"
        rules.append((fields[:7], sorted(options.values())))
    return rules


@pytest.fixture(scope="module")
def with_tls(directory):
    """Without TLS, PostgreSQL finds fault with every hostssl line."""
    cluster = PostgresCluster(directory, "with_tls", {"ssl": "on"})
    cluster.initialize()
    files = [cluster.data / name for name in ("server.key", "server.crt")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-keyout", files[0], "-out", files[1]], check=True,
                   capture_output=True)
    for file in files:
        file.chmod(0o600)
        if cluster.user is not None:
            shutil.chown(file, cluster.user)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.mark.parametrize("seed", range(12))
def test_the_same_rules(with_tls, seed):
    cluster, rng = with_tls, random.Random(seed)
    path = os.path.join(cluster.data, "pg_hba.conf")
    with open(path, encoding="utf-8") as file:
        own = file.read()
    with open(os.path.join(cluster.data, "names"), "w", encoding="utf-8") as file:
        file.write('one, two\n# nobody\n"three four"\n')
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(random_line(rng) for _ in range(150)) + "\n")
        theirs, ours = of_postgres(cluster), of_pgsaba(path)
    finally:
        with open(path, "w", encoding="utf-8") as file:
            file.write(own)
    assert len(theirs) > 100
    for their, our in zip(theirs, ours):
        if our[0][1] == "error" and "::ffff:" in our[1]:
            continue
        assert their[0] == our[0], (their, our)
        if their[0][1] != "error":
            assert their[1] == our[1]
    assert len(theirs) == len(ours)
    assert {rule[0][1] for rule in ours} >= {"local", "host", "hostssl", "error"}
