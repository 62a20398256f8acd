"""Whatever a session keeps on a direct connection it keeps through pgsaba, on whichever servers it
meets: the same answers, byte for byte, while other clients soil every free server in between."""

import pytest
from harness.client import RawClient
from harness.rotation import POOL_SIZE, Rotations
from harness.session_cases import Conversation
from session_limits import LIMITS, SOILS, differing_steps
from session_scripts import CASES
from session_setup import FIRST, POOLS, agree, direct, prepared_cluster  # noqa: F401

# Every case has a number, so that what one leaves behind is in nobody else's way.
NUMBERED = [pytest.param(FIRST + at, name, id=name, marks=pytest.mark.skipif(
    name in SOILS, reason="its server warns others for it")) for at, name in enumerate(CASES)]


@pytest.fixture(scope="module")
def rotations(pgsaba_binary, directory, prepared_cluster):
    started = Rotations(pgsaba_binary, directory, prepared_cluster, POOLS)
    yield started
    started.close()


def test_a_rotation_rotates(rotations):
    """What the test above rests on: each turn soils all servers, and the client meets them all."""
    with RawClient(rotations.where) as client:
        met = []
        # Not always another one than before: a server that is being cleaned comes last.
        while len(set(met)) < POOL_SIZE and len(met) < 60:
            assert len(rotations.turn(("postgres", "postgres"), FIRST)) == POOL_SIZE
            met.append(client.value("select pg_backend_pid()"))
        assert len(set(met)) == POOL_SIZE, met


@pytest.mark.parametrize("number, name", NUMBERED)
def test_alone_among_dirty_servers(prepared_cluster, rotations, number, name):
    case = CASES[name]
    expected = direct(prepared_cluster, case, number=number)
    found = Conversation(rotations.where, case, prepared_cluster,
                         lambda: rotations.turn(case.pool, number), number, timeout=20).run()
    agree(expected, found, case, differing_steps(name))


def test_limits_are_of_cases():
    assert set(LIMITS) <= set(CASES)
