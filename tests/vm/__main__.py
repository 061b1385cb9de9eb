"""Runs in a virtual machine the tests that this machine's kernel cannot run: `make test-vm`."""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Final

from vm.image import image
from vm.machine import SILENT, UNTOLD, end_in_order, run
from vm.suites import SUITES, Suite

#: It names each test before it runs, so that one sees where a machine stands.
PYTEST: Final = ("python", "-m", "pytest", "-vv", "--color=no", "--timeout=600")
#: Seconds in which a machine must say something: more than one test may take.
SILENCE: Final = 1200
#: What a machine's exit status says where it is none of its command's.
WORDS: Final = {0: "passed", SILENT: f"silent for {SILENCE} s", UNTOLD: "ended without a status"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m vm", description=__doc__, epilog=_described())
    parser.add_argument("--suite", action="append", choices=[suite.name for suite in SUITES], help="only this one")
    parser.add_argument("--kvm", action="store_true", help="lend it the machine's own processor")
    parser.add_argument("--init", choices=("none", "systemd"), default="none", help="process 1 for what follows")
    parser.add_argument("--run", metavar="COMMAND", help="run this instead of tests")
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="files and options for pytest, files first")
    chosen = parser.parse_args()
    end_in_order()
    if chosen.run or chosen.pytest:
        command = shlex.split(chosen.run) if chosen.run else [*PYTEST, *chosen.pytest]
        return run(image(), command, init=chosen.init, kvm=chosen.kvm, silence=SILENCE)
    return _run_suites([suite for suite in SUITES if suite.name in (chosen.suite or suite.name)], kvm=chosen.kvm)


def _described() -> str:
    return "Suites: " + "; ".join(f"{suite.name}: {suite.shows}" for suite in SUITES)


def _run_suites(suites: Sequence[Suite], *, kvm: bool) -> int:
    """Each in a machine of its own; the worst of their exit statuses."""
    ready = image()
    ended = []
    for suite in suites:
        print(f"== {suite.name}: {suite.shows}", flush=True)
        began = time.monotonic()
        command = [*PYTEST, *suite.tests]
        status = run(ready, command, init=suite.init, kvm=kvm, silence=SILENCE, restarts=suite.restarts)
        ended.append((suite.name, status, time.monotonic() - began))
    for name, status, seconds in ended:
        print(f"== {name}: {WORDS.get(status, f'status {status}')}, {seconds:.0f} s")
    return max(status for _, status, _ in ended)


if __name__ == "__main__":
    sys.exit(main())
