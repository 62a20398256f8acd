"""What the tests of sessions share: a cluster with all that the cases find, and the oracle."""

import re

import pytest
from harness.rotation import SETUP as ROTATION_SETUP
from harness.session_cases import Conversation, differences
from session_scripts import DATABASE, DEFAULTS, SETUP

POOLS = ["postgres", DATABASE]
FIRST = 1000  # the number of the first client


@pytest.fixture(scope="module")
def prepared_cluster(cluster):
    cluster.sql(SETUP)
    cluster.sql(ROTATION_SETUP)
    cluster.sql(f"create database {DATABASE} template template0")
    cluster.sql(re.sub("create role [^;]*;|grant plain[^;]*;", "", SETUP + ROTATION_SETUP),
                dbname=DATABASE)
    for sql in DEFAULTS:
        cluster.sql(sql)
    return cluster


def direct(cluster, case, **arguments):
    return Conversation((cluster.host, cluster.port), case, cluster, **arguments).run()


def agree(expected, found, case, but=()):
    """An assertion that shows the steps, and only those that differ and may not."""
    different = differences(expected, found, case, but)
    assert not different, different
