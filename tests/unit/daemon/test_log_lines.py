import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from wharf.daemon.log_lines import LineFormatter, json_line, text_line


def _record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelno": logging.WARNING, "created": 0.0, **extra})


def test_a_line_for_people() -> None:
    formatter = LineFormatter(text_line, lambda: "00002a")
    line = formatter.format(_record("pulled", image="busybox:latest", reason="it was\nasked for"))
    assert line == (
        '1970-01-01T00:00:00.000Z warn  pulled request=00002a image=busybox:latest reason="it was\\nasked for"'
    )


def test_a_line_for_machines_with_the_traceback_inside() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        record = _record("failed", exc_info=sys.exc_info())
    found = json.loads(LineFormatter(json_line, str).format(record))
    assert found["level"] == "warn"
    assert found["error"] == "ValueError: x"
    assert "test_log_lines" in found["traceback"]


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b"]), st.text()))
def test_one_event_is_one_line(message: str, values: dict[str, str]) -> None:
    assert "\n" not in text_line("t", "info", message, values)
    assert "\n" not in json_line("t", "info", message, values)
