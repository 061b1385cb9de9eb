"""Runs tests of control groups in a virtual machine that has nothing but version 2: `make test-vm`."""

import argparse
import shlex
import sys
from typing import Final

from vm.image import image
from vm.machine import run

#: What depends on the version of control groups, and runs on any.
TESTS: Final = ("tests/api/test_limits.py", "tests/api/test_stats.py")
#: Seconds. Some minutes are normal where the processor is emulated.
TIMEOUT: Final = 1800


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m vm", description=__doc__)
    parser.add_argument("--init", choices=("none", "systemd", "both"), default="both", help="process 1 of the machine")
    parser.add_argument("--kvm", action="store_true", help="lend it the machine's own processor")
    parser.add_argument("--run", metavar="COMMAND", help="run this instead of pytest")
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="files and options for pytest, files first")
    chosen = parser.parse_args()
    ready = image()
    worst = 0
    for init in ("none", "systemd") if chosen.init == "both" else (chosen.init,):
        pytest = [
            "python",
            "-m",
            "pytest",
            "-v",
            "--color=no",
            "--timeout=600",
            "-m",
            "not peer",
            *(chosen.pytest or TESTS),
        ]
        command = shlex.split(chosen.run) if chosen.run else pytest
        print(f"== process 1: {init}", flush=True)
        worst = max(worst, run(ready, command, init=init, kvm=chosen.kvm, timeout=TIMEOUT))
    return worst


if __name__ == "__main__":
    sys.exit(main())
