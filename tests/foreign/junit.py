"""Reads the report files that many test runners write."""

from xml.etree import ElementTree


def outcomes(paths):
    """Test names with "passed", "failed" or "skipped"."""
    found = {}
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            name = f"{case.get('classname', '')}::{case.get('name')}"
            tags = {child.tag for child in case}
            if tags & {"failure", "error"}:
                found[name] = "failed"
            else:
                found.setdefault(name, "skipped" if "skipped" in tags else "passed")
    return found
