"""Whatever a session keeps on a direct connection it keeps through pgsaba, on whichever servers it
meets: the same answers, byte for byte, alone among dirty servers and with many clients at once."""

import random
import threading

import pytest
from harness.client import ServerError
from harness.fixtures import NUMBERS
from harness.pgsaba import Pgsaba
from harness.rotation import SETUP as ROTATION_SETUP
from harness.rotation import Rotations
from harness.session_cases import Case, Conversation, differences
from session_not_yet import not_yet
from session_scripts import CASES, DATABASE, DEFAULTS, SETUP

NAMED = [pytest.param(case, id=name, marks=not_yet(name)) for name, case in CASES.items()]
CLIENTS = 16
SHARE = 60  # cases per client


@pytest.fixture(scope="module")
def prepared_cluster(cluster):
    for database in ("postgres", DATABASE):
        if database == DATABASE:
            cluster.sql(f"create database {DATABASE} template postgres")
        else:
            cluster.sql(SETUP)
            cluster.sql(ROTATION_SETUP)
    for sql in DEFAULTS:
        cluster.sql(sql)
    return cluster


@pytest.fixture(scope="module")
def rotations(pgsaba_binary, directory, prepared_cluster):
    started = Rotations(pgsaba_binary, directory, prepared_cluster, ["postgres", DATABASE])
    yield started
    started.close()


def direct(cluster, case, **arguments):
    return Conversation((cluster.host, cluster.port), case, cluster, **arguments).run()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_oracle_says_the_same_twice(prepared_cluster, case):
    first, second = direct(prepared_cluster, case), direct(prepared_cluster, case)
    assert first.is_complete()
    assert not differences(first, second, case)


@pytest.mark.parametrize("case", NAMED)
def test_alone_among_dirty_servers(prepared_cluster, rotations, case):
    expected = direct(prepared_cluster, case)
    rotation = rotations.of(*case.pool)
    through = Conversation(rotations.where, case, prepared_cluster, rotation.turn, timeout=4).run()
    assert not differences(expected, through, case), differences(expected, through, case)
