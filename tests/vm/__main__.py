"""Runs in a virtual machine the tests that this machine's kernel cannot run: `make test-vm`."""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Final

from vm.image import image
from vm.machine import run
from vm.suites import SUITES, Suite

PYTEST: Final = ("python", "-m", "pytest", "-v", "--color=no", "--timeout=600")
#: Seconds for one boot. Some minutes are normal where the processor is emulated.
TIMEOUT: Final = 1800


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m vm", description=__doc__, epilog=_described())
    parser.add_argument("--suite", action="append", choices=[suite.name for suite in SUITES], help="only this one")
    parser.add_argument("--kvm", action="store_true", help="lend it the machine's own processor")
    parser.add_argument("--init", choices=("none", "systemd"), default="none", help="process 1 for what follows")
    parser.add_argument("--run", metavar="COMMAND", help="run this instead of tests")
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="files and options for pytest, files first")
    chosen = parser.parse_args()
    if chosen.run or chosen.pytest:
        command = shlex.split(chosen.run) if chosen.run else [*PYTEST, *chosen.pytest]
        return run(image(), command, init=chosen.init, kvm=chosen.kvm, timeout=TIMEOUT)
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
        status = run(ready, command, init=suite.init, kvm=kvm, timeout=TIMEOUT, restarts=suite.restarts)
        ended.append((suite.name, status, time.monotonic() - began))
    for name, status, seconds in ended:
        print(f"== {name}: {'passed' if status == 0 else f'status {status}'}, {seconds:.0f} s")
    return max(status for _, status, _ in ended)


if __name__ == "__main__":
    sys.exit(main())
