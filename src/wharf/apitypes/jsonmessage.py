"""The lines of the API's progress streams (pull, load, import), as values and as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one part of a long operation stands, such as one layer of a pull; or a line of text about the whole."""

    status: str = ""
    id: str = ""
    current: int = 0  # bytes
    total: int | None = None  # bytes; None where there is nothing to draw
    stream: str = ""  # text as it is, with its newline
    aux: dict[str, Any] | None = None  # an answer for programs


Report = Callable[[Progress], None]  # runs on the event loop: it must neither block nor raise


def ignore(progress: Progress) -> None:
    """The report of a caller who does not look."""


def to_json(progress: Progress) -> dict[str, Any]:
    """The line of the stream that shows `progress`."""
    line: dict[str, Any] = {}
    if progress.stream:
        line["stream"] = progress.stream
    if progress.status:
        line["status"] = progress.status
    if progress.id:
        line["id"] = progress.id
    if progress.total is not None:
        line["progressDetail"] = {"current": progress.current, "total": progress.total}
        line["progress"] = draw(progress.current, progress.total)
    elif progress.id and progress.status:
        line["progressDetail"] = {}
    if progress.aux is not None:
        line["aux"] = progress.aux
    return line


def error_to_json(message: str, code: int | None = None) -> dict[str, Any]:
    """The line that ends a stream after a failure."""
    detail: dict[str, Any] = {"message": message}
    if code is not None:
        detail["code"] = code
    return {"errorDetail": detail, "error": message}


def draw(current: int, total: int) -> str:
    """The bar that clients before API 1.46 print as it comes: [=====>     ]  1.5MB/3MB."""
    if total <= 0:
        return _size(current)
    filled = min(50, current * 50 // total)
    bar = "=" * filled + (">" if filled < 50 else "") + " " * (49 - filled)
    return f"[{bar}]  {_size(current):>6}/{_size(total)}"


def _size(size: float) -> str:
    """A size in decimal units, four digits at most: 12.34MB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.4g}{unit}"
