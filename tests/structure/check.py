"""usage: check.py includes|names ROOT     prints every violation; the exit status tells if any"""

import sys
from pathlib import Path

import includes
import names

CHECKS = {"includes": includes.check, "names": names.check}


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    violations = CHECKS[arguments[0]](Path(arguments[1]))
    print("\n".join(violations) or "clean")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
