"""Paths as clients of the archive operations write them: where they lead, what their archive is called. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MOST_LINKS: Final = 255  # dockerd's limit, above the kernel's


@dataclass(frozen=True, slots=True)
class AskedPath:
    """A path of a container. A slash or `/.` at its end asks for what a link at its end leads to."""

    path: str  # absolute, without `.`, `..` and double slashes
    follow: bool  # the last component too
    name: str  # what the top of an archive is called: "/" for the root, "." for `/.`


def ask(text: str) -> AskedPath:
    """Reads a path; a relative one starts at the root."""
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    dot = text == "." or text.endswith("/.")
    follow = dot or text.endswith("/") or not parts
    name = "." if dot and parts else parts[-1] if parts else "/"
    return AskedPath("/" + "/".join(parts), follow, name)


def real_path(path: str, read_link: Callable[[str], str | None]) -> str:
    """Where an absolute path leads when all links are followed; what does not exist is taken as it is.

    `read_link` gives the target of a path that is a link, None for others.
    """
    real: list[str] = []
    todo = [part for part in path.split("/") if part not in ("", ".")]
    links = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            del real[-1:]
            continue
        target = read_link("/" + "/".join([*real, part])) if links < _MOST_LINKS else None
        if target is None:
            real.append(part)
            continue
        links += 1
        if target.startswith("/"):
            real = []
        todo = [step for step in target.split("/") if step not in ("", ".")] + todo
    return "/" + "/".join(real)
