"""Durations as Go and Docker write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes import durations


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (2 * 3600 - 1801, "About an hour"),
        (2 * 3600 - 1800, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"),
        (60 * 86400, "2 months"),
        (729 * 86400, "24 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert durations.human(seconds) == text


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("5s", 5 * 10**9),
        ("1m30s", 90 * 10**9),
        ("1.5h", 5400 * 10**9),
        ("500ms", 5 * 10**8),
        ("-1s", -(10**9)),
    ],
)
def test_durations_that_are_read(text: str, nanoseconds: int) -> None:
    assert durations.parse(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "1m30", "--1s"])
def test_durations_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time: "):
        durations.parse(text)


@given(st.integers(min_value=0, max_value=10**9))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    assert abs(durations.parse(durations.write(milliseconds / 1000)) - milliseconds * 10**6) <= milliseconds * 10
