"""The rules of docs/rooms.md, held by a test because rules kept by goodwill leak."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "wharf"

#: The engine's house: a room may import its own and lower floors. Rooms on one floor do not meet.
ENGINE_HOUSE: Final = (
    {"errors", "spec", "apitypes", "jsontext", "gotemplate"},
    {"linux", "aio", "db", "events", "plugins"},
    {"content", "snapshots", "runtime", "network", "volumes", "logs", "distribution"},
    {"engine"},
    {"builder", "cluster"},
    {"api", "buildkit", "registry", "web"},
    {"daemon"},
)
#: The client's house stands on the engine's ground floor and sees nothing else of it: it runs on any system.
CLIENT_HOUSE: Final = (ENGINE_HOUSE[0], {"client"}, {"compose"}, {"cli"})
#: What every room may import, also those on its floor.
FOR_ALL: Final = {"", "errors", "jsontext"}

FORBIDDEN_NAMES: Final = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}


def _room(path: Path) -> str:
    """The room that a file is in; "" for the package's own __init__.py."""
    parts = path.relative_to(SOURCE).parts
    return "" if parts == ("__init__.py",) else parts[0].removesuffix(".py")


def _files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything of ours that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            # `from wharf import x` names the room in the list.
            names = [f"wharf.{name.name}" for name in node.names] if node.module == "wharf" else [node.module or ""]
            yield from ((node.lineno, name) for name in names)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute | ast.Name)
            and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, str(node.args[0].value)


def _visible(room: str) -> set[str]:
    """The rooms that a room may import from."""
    for house in (ENGINE_HOUSE, CLIENT_HOUSE[1:]):
        for number, floor in enumerate(house):
            if room in floor:
                below = set().union(*house[:number]) | (ENGINE_HOUSE[0] if house is not ENGINE_HOUSE else set())
                return below | {room} | FOR_ALL
    raise AssertionError(f"the room {room!r} is on no floor: add it to tests/architecture and docs/rooms.md")


def test_rooms_import_only_lower_floors() -> None:
    broken = []
    for path in _files():
        room = _room(path)
        visible = _visible(room) if room else {""}
        for line, name in _imports(path):
            top, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if other == "__version__":
                continue
            if top == "wharf" and other not in visible:
                broken.append(f"{path.relative_to(ROOT)}:{line}: {room} imports {name}")
    assert broken == []


def test_the_ground_floor_does_no_io() -> None:
    """Values only: nothing that reads files, the clock, the environment or the network."""
    forbidden = {"os", "pathlib", "socket", "subprocess", "asyncio", "time", "sqlite3", "random", "secrets", "shutil"}
    broken = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in _files()
        if _room(path) in ENGINE_HOUSE[0]
        for line, name in _imports(path)
        if name.partition(".")[0] in forbidden
    ]
    assert broken == []


def test_the_command_line_has_no_dependencies() -> None:
    """The client's house runs on any system with nothing but Python; rich is used where it is there."""
    allowed = {"wharf", "rich", "msgspec"}
    import sys

    broken = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in _files()
        if _room(path) in {"client", "cli"}
        for line, name in _imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names | allowed
    ]
    assert broken == []


def test_names_say_what_a_thing_is() -> None:
    named = [path for path in (*SOURCE.rglob("*"), *(ROOT / "tests").rglob("*")) if "__pycache__" not in path.parts]
    assert [str(path) for path in named if path.stem in FORBIDDEN_NAMES] == []


def test_every_room_says_what_it_owns() -> None:
    for path in SOURCE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
    for directory in {path.parent for path in _files()}:
        assert (directory / "__init__.py").exists(), f"{directory} has no __init__.py"


def test_the_map_of_the_largest_room_is_complete() -> None:
    room = SOURCE / "network"
    listed = re.findall(r"`(\w+)`", ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or "")
    assert sorted(listed) == sorted(path.stem for path in room.glob("[!_]*"))


def test_the_list_of_rooms_is_complete() -> None:
    text = (ROOT / "docs" / "rooms.md").read_text()
    rooms = {_room(path) for path in _files()} - {""}
    listed = set(re.findall(r"^\| `(\w+?)(?:/|\.py)` \|", text, re.MULTILINE))
    assert listed == rooms


@pytest.mark.parametrize("limit", [500])
def test_files_can_be_read_in_one_sitting(limit: int) -> None:
    long = [f"{path.relative_to(ROOT)}: {n}" for path in _files() if (n := len(path.read_text().splitlines())) > limit]
    assert long == []
