"""Processes that must not outlive the one that forked them."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.kernel

#: The grandchild of this process is the child of one that ends at once. What it finds is written to stdout.
PROGRAM = """
import os, signal, sys
from wharf.linux import syscall

parent_ends_first = sys.argv[1] == "first"
there, tell = os.pipe()
if os.fork() == 0:
    parent = os.getpid()
    if os.fork() == 0:
        while parent_ends_first and os.getppid() == parent:
            pass
        os.write(1, str(syscall.die_with(parent)).encode())
        os.write(tell, b"+")
        if not parent_ends_first:
            signal.pause()
        os._exit(0)
    if not parent_ends_first:
        os.read(there, 1)
    os._exit(0)
"""


# Its output ends when the last process has that holds it.
@pytest.mark.parametrize(("which", "said"), [("first", "False"), ("later", "True")])
def test_a_child_ends_with_its_parent_or_knows_that_it_has_none(which: str, said: str) -> None:
    command = [sys.executable, "-c", PROGRAM, which]
    assert subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout == said
