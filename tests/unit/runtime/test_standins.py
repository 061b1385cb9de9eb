"""What the spawner loads: what it has in memory is a part of every shim."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import wharf

SOURCE: Final = Path(wharf.__file__).parents[1]
#: These bring so much that a stand-in, or a part in C, takes their place.
LARGE: Final = {"re", "enum", "functools", "json", "socket", "selectors", "signal", "pathlib", "dataclasses"}
BEGIN: Final = (
    f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from wharf.runtime.spawner import standins; standins.place()"
)


def run(code: str) -> list[str]:
    """The words that a spawner prints instead of its work."""
    command = [sys.executable, "-I", "-S", "-c", f"{BEGIN}\n{code}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def shims_modules() -> list[str]:
    """All but that for TLS, which needs what the ssl module needs."""
    files = (SOURCE / "wharf/runtime/shim").rglob("*.py")
    names = (".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for file in files)
    return [name for name in names if not name.endswith(".tls")]


def test_no_module_of_the_shims_loads_what_is_large() -> None:
    imports = "\n".join(f"import {name}" for name in ("wharf.runtime.spawner.main", *shims_modules()))
    loaded = set(run(f"{imports}\nprint(*sys.modules)"))
    assert "wharf.runtime.shim.remote.gelf" in loaded
    assert not loaded & LARGE


def test_who_wants_more_gets_the_real_module() -> None:
    code = """
import collections, typing
from collections import namedtuple, deque
from typing import NamedTuple
import ssl, collections.abc
print(collections.OrderedDict.__module__, namedtuple("P", "x")(1).x, deque("a")[0], typing.Optional[int])
"""
    assert run(code)[:4] == ["collections", "1", "a", "typing.Optional[int]"]
