import base64
import json
import stat

import pytest

from wharf.apitypes.archive import PathStat, go_mode, go_time


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (stat.S_IFDIR | 0o755, 2147484141),
        (stat.S_IFLNK | 0o777, 134218239),
        (stat.S_IFREG | 0o4755, (1 << 23) | 0o755),
        (stat.S_IFDIR | 0o1777, (1 << 31) | (1 << 20) | 0o777),
        (stat.S_IFCHR | 0o666, (1 << 26) | (1 << 21) | 0o666),
        (stat.S_IFREG | 0o2644, (1 << 22) | 0o644),
    ],
)
def test_modes_as_go_writes_them(mode: int, expected: int) -> None:
    assert go_mode(mode) == expected


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (1_700_000_000_500_000_000, "2023-11-14T22:13:20.5Z"),
        (-500_000_000, "1969-12-31T23:59:59.5Z"),
    ],
)
def test_times_as_go_writes_them(nanoseconds: int, text: str) -> None:
    assert go_time(nanoseconds) == text


def test_the_header() -> None:
    stat = PathStat(name="ld", size=2, mode=134218239, mtime="2026-11-21T11:23:35.7Z", link_target="/d")
    assert json.loads(base64.b64decode(stat.header())) == {
        "name": "ld",
        "size": 2,
        "mode": 134218239,
        "mtime": "2026-11-21T11:23:35.7Z",
        "linkTarget": "/d",
    }
