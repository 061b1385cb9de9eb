"""The messages of pull, push and load: lines, and on a terminal one line for each layer with a bar."""

from wharf.cli.output import STDOUT, write
from wharf.cli.render.values import size
from wharf.cli.terminal import size_of
from wharf.client.wire import decode_json
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from wharf.cli.command import Call
    from wharf.client.connection import Answer

BAR_WIDTH = 50
WIDE_ENOUGH = 110  # columns; narrower terminals see the numbers only


def show_bar(detail: "dict[str, Any]", columns: int) -> str:
    """`[====>   ]  1.2MB/3.4MB`, or "" when nothing is known."""
    current, total = detail.get("current", 0), detail.get("total", 0)
    if current <= 0 and total <= 0:
        return ""
    if total <= 0:
        return f"{size(current):>8}"
    done = min(int(current / total * 100) // 2, BAR_WIDTH)
    bar = f"[{'=' * done}>{' ' * (BAR_WIDTH - done)}] " if columns > WIDE_ENOUGH else ""
    if detail.get("hidecounts"):
        return bar
    return bar + (f"{size(current):>8}" if current > total else f"{size(current):>8}/{size(total)}")


class Display:
    """Turns messages into text. On a terminal a message with an id rewrites that id's line."""

    def __init__(self, columns: int) -> None:
        self._columns = columns  # 0: no terminal
        self._rows: dict[str, int] = {}
        self._bottom = 0

    def show(self, message: "dict[str, Any]") -> str:
        bar = show_bar(message.get("progressDetail") or {}, self._columns)
        id, status = message.get("id", ""), message.get("status", "")
        if not self._columns:
            if bar:
                return ""
            return message.get("stream") or (f"{id}: {status}\n" if id else f"{status}\n" if status else "")
        if message.get("stream"):
            return str(message["stream"])
        if not status:
            return ""
        text = f"{id}: {status} {bar}".rstrip(" ") if id else status
        if not id or "progressDetail" not in message:
            # A plain line: what is above stays as it is.
            self._rows.clear()
            self._bottom = 0
            return f"{text}\n"
        return self._rewrite(id, text)

    def _rewrite(self, id: str, text: str) -> str:
        if id not in self._rows:
            self._rows[id] = self._bottom
            self._bottom += 1
            return f"\x1b[2K\r{text}\r\n"
        up = self._bottom - self._rows[id]
        return f"\x1b[{up}A\x1b[2K\r{text}\r\x1b[{up}B"


def follow(call: "Call", answer: "Answer", *, descriptor: int = STDOUT, quiet: bool = False) -> None:
    """Show the messages of an operation until that has ended. Raises EngineError for the error that is one of them."""
    terminal = size_of(descriptor)

    def show(text: str) -> None:
        if not quiet:
            write(descriptor, text.encode("utf-8", "surrogateescape"))

    show_messages(answer.lines(), show, columns=terminal[1] if terminal else 0)
    call.client.finish(answer)


def show_messages(lines: "Iterable[bytes]", write: "Callable[[str], None]", *, columns: int) -> None:
    """Show a stream of messages until it ends. Raises EngineError for the error that is one of them."""
    display = Display(columns)
    for line in lines:
        message = decode_json(line)
        failure = message.get("errorDetail") or {}
        if failure or message.get("error"):
            raise EngineError(str(failure.get("message") or message["error"]))
        if text := display.show(message):
            write(text)
