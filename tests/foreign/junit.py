"""Reads the report files that many test runners write."""

import re
from xml.etree import ElementTree

UNWELCOME = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML


def outcomes(paths):
    """Test names with "passed", "failed" or "skipped"."""
    found = {}
    for path in paths:
        # Some write what a test said as it was.
        text = UNWELCOME.sub("?", path.read_text(errors="replace"))
        for case in ElementTree.fromstring(text.encode()).iter("testcase"):
            name = f"{case.get('classname', '')}::{case.get('name')}"
            tags = {child.tag for child in case}
            if tags & {"failure", "error"}:
                found[name] = "failed"
            else:
                found.setdefault(name, "skipped" if "skipped" in tags else "passed")
    return found
