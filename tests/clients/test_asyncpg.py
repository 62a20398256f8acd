"""asyncpg: its statement cache, pool, cursors, COPY, cancelled tasks, catalogue look-ups."""

import sys
from pathlib import Path


def test_asyncpg(same):
    same([sys.executable, "-B", Path(__file__).parent / "python" / "asyncpg_client.py"])
