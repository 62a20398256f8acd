"""ruby-pg: what ActiveRecord sends, asynchronous queries, COPY, cancel, pipelines."""

from pathlib import Path


def test_ruby_pg(same):
    # Debian's own interpreter, which has Debian's modules.
    same(["/usr/bin/ruby", Path(__file__).parent / "ruby" / "client.rb"])
