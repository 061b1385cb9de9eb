"""`wharf ps` is at a prompt's pace: it loads none of the library's larger modules."""

import subprocess
import sys
from pathlib import Path

import wharf

SLOW = {"argparse", "collections", "contextlib", "dataclasses", "enum", "functools", "json", "re", "socket", "typing"}
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import wharf.cli.main
from wharf.cli.commands.container import ls
from wharf.client import client
print(*sys.modules)
"""


def test_listing_containers_loads_no_large_module() -> None:
    command = [sys.executable, "-I", "-S", "-c", SCRIPT, str(Path(wharf.__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert SLOW & set(done.stdout.split()) == set()
