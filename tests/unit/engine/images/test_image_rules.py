import pytest

from wharf.apitypes.jsonmessage import Progress, to_json
from wharf.engine.images.describing import unix_time
from wharf.engine.images.listing import boolean, matches
from wharf.errors import InvalidArgument
from wharf.spec.reference import Reference


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("busybox", True),
        ("busybox:1.*", True),
        ("busybox:2", False),
        ("b*", True),
        ("*/busybox", False),
        ("docker.io/library/busybox", False),
    ],
)
def test_reference_patterns(pattern: str, fits: bool) -> None:
    assert matches(Reference.parse("busybox:1.36"), [pattern]) is fits


def test_yes_and_no() -> None:
    assert boolean("dangling", ["true"]) and boolean("dangling", ["1"]) and not boolean("dangling", ["false"])
    for values in (["maybe"], [], ["true", "false"]):
        with pytest.raises(InvalidArgument):
            boolean("dangling", values)


def test_lines_of_a_pull() -> None:
    assert to_json(Progress("Pulling from x", "1")) == {"status": "Pulling from x", "id": "1", "progressDetail": {}}
    line = to_json(Progress("Downloading", "abc", 500, 1000))
    assert line["progressDetail"] == {"current": 500, "total": 1000}
    assert line["progress"] == "[" + "=" * 25 + ">" + " " * 24 + "]    500B/1kB"
    assert to_json(Progress(stream="Loaded image: x\n")) == {"stream": "Loaded image: x\n"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:10Z", 10), ("1970-01-01T00:00:10.123456789Z", 10), ("1970-01-01T01:00:00.5+01:00", 0),
     ("", 0), ("x", 0)],
)  # fmt: skip
def test_times_of_configs(text: str, seconds: int) -> None:
    assert unix_time(text) == seconds
