"""ruby-pg: what ActiveRecord sends, asynchronous queries, COPY, cancel, pipelines; and ActiveRecord."""

from pathlib import Path


def test_ruby_pg(same):
    # Debian's own interpreter, which has Debian's modules.
    same(["/usr/bin/ruby", Path(__file__).parent / "ruby" / "client.rb"])


def test_active_record(same):
    """6.1 with prepared statements and variables, migrations among it."""
    same(["/usr/bin/ruby", "-W0", Path(__file__).parent / "ruby" / "active_record.rb"])
