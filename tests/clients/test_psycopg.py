"""psycopg 3: prepared statements, pipelines, COPY, cursors, cancel, threads."""

import sys
from pathlib import Path


def test_psycopg(same):
    same([sys.executable, "-B", Path(__file__).parent / "python" / "psycopg_client.py"])
