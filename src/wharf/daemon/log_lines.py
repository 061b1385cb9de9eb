"""The daemon's log: one line an event, for people (time level message key=value) or machines (JSON)."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "error": 40, "fatal": 50}
NAMES: Final = {10: "debug", 20: "info", 30: "warn", 40: "error", 50: "fatal"}
#: What every record has; the rest was given as `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Texts that need no quotes in key=value.
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+,%[]")


def fields(record: logging.LogRecord) -> dict[str, str]:
    """The values that go with a record, by name; a traceback is one of them."""
    found = {name: str(value) for name, value in vars(record).items() if name not in _STANDARD}
    if record.exc_info and record.exc_info[1] is not None:
        found["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        found["traceback"] = logging.Formatter().formatException(record.exc_info)
    return found


def text_line(time: str, level: str, message: str, values: Mapping[str, str]) -> str:
    """The line for people. Line ends inside values are written as \\n, so one event stays one line."""
    tail = "".join(f" {name}={_quoted(value)}" for name, value in values.items())
    return f"{time} {level:<5} {_one_line(message)}{tail}"


def _one_line(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"') if not text.isprintable() else text


def _quoted(value: str) -> str:
    return value if value and set(value) <= _PLAIN else json.dumps(value, ensure_ascii=False)


def json_line(time: str, level: str, message: str, values: Mapping[str, str]) -> str:
    return json.dumps({"time": time, "level": level, "msg": message, **values}, ensure_ascii=False)


class LineFormatter(logging.Formatter):
    """Formats with text_line() or json_line(); `request` tells the id of the request being served, or ""."""

    def __init__(self, line: Callable[[str, str, str, Mapping[str, str]], str], request: Callable[[], str]) -> None:
        super().__init__()
        self._line = line
        self._request = request

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = fields(record)
        if request := self._request():
            values = {"request": request, **values}
        return self._line(time, NAMES.get(record.levelno, "info"), record.getMessage(), values)


def set_up(level: str, form: str, request: Callable[[], str] = str) -> None:
    """Sends all logging to standard error, as lines of `form` ("text" or "json")."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(json_line if form == "json" else text_line, request))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    set_level(level)


def set_level(level: str) -> None:
    logging.getLogger().setLevel(LEVELS[level])
    # asyncio's debug lines are about the loop, not about what the daemon does.
    logging.getLogger("asyncio").setLevel(max(LEVELS[level], logging.WARNING))
