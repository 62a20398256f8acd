"""Runs the functions of a client program as cases; see transcript.py."""

import sys
import threading
import traceback


def run_cases(cases, run):
    """Prints what run(case) returns for each case, and exits."""
    failed = False
    for case in cases:
        try:
            print(f"{case.__name__}: {run(case)!r}")
        except Exception as error:
            failed = True
            print(f"{case.__name__}: FAILED {error!r}")
            traceback.print_exc()
    sys.exit(1 if failed else 0)


def in_threads(count, work):
    """work(0) .. work(count - 1), each in a thread of its own; their results, or the first error."""
    results, errors = [None] * count, []

    def run(index):
        try:
            results[index] = work(index)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
