"""Writes the program `wharf`: `python -m wharf.cli.launcher PATH`.

It starts the interpreter without `site` and without what the environment says of Python (-IS): that is 4 ms of the
15 that a whole `wharf ps` takes, and the script that pip would write costs 10 more. Run once, after installation.
"""

import sys
from pathlib import Path

import wharf

LONGEST_SHEBANG = 120  # kernels before 5.1 cut the line at 127
BODY = """\
import sys
sys.path.insert(0, {home!r})
from wharf.cli.main import main
code = main()
import os
os._exit(code)  # nothing is left to be written, and the interpreter takes its time to go
"""


def launcher(python: str, home: str) -> str:
    """The text of the program, for an interpreter and the directory that the package `wharf` is in."""
    body = BODY.format(home=home)
    if len(python) <= LONGEST_SHEBANG and " " not in python:
        return f"#!{python} -IS\n{body}"
    # Too long for the kernel: the shell starts the interpreter, which skips the shell's lines as a string.
    return f'#!/bin/sh\n"""exec" "{python}" -IS "$0" "$@"\n"""\n{body}'


def install(path: Path) -> None:
    assert wharf.__file__ is not None
    home = str(Path(wharf.__file__).parent.parent)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(launcher(sys.executable, home))
    temporary.chmod(0o755)
    temporary.replace(path)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
