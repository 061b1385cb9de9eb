"""The filter `until` of lists and prunes."""

from datetime import UTC, datetime, timedelta

import pytest

from wharf.apitypes.filters import parse_moment, until
from wharf.errors import InvalidArgument

NOW = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1714521600", NOW),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("300ms", NOW - timedelta(milliseconds=300)),
        ("2024-05-01T00:00:00Z", NOW),
        ("2024-05-01T02:00:00+02:00", NOW),
        ("2024-05-01", datetime(2024, 5, 1).astimezone()),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "1x", "h", "1d", "9" * 40, "2024-13-01", "99999999h"])
def test_moments_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_moment(text, NOW)
    assert str(caught.value) == f'failed to parse value as time or duration: "{text}"'


def test_one_limit_at_most() -> None:
    assert until({}, NOW) is None
    assert until({"until": ["1h"]}, NOW) == NOW - timedelta(hours=1)
    with pytest.raises(InvalidArgument, match=r"^more than one until filter specified$"):
        until({"until": ["1h", "2h"]}, NOW)
