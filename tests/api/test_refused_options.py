"""Options of a container that cannot be: what is answered, compared with dockerd, and that nothing is made.

refused_options.json says of each request whose answer it is: that of `dockerd` (20.10 and 28), of `dockerd 28` alone,
or `ours`, where dockerd makes the container and then fails its start, or ignores the option.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Engine
from harness.wharfd import Wharfd

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("refused_options.json").read_text())


def answers(engine: Engine, version: str, cases: list[dict[str, Any]]) -> list[tuple[object, int, str]]:
    """What an engine says to each request."""
    found = []
    for case in cases:
        answer = engine.request(
            "POST", f"{version}/containers/create", {"Image": "busybox", "Cmd": ["true"], **case["body"]}
        )
        found.append((case["body"], answer.status, "made" if answer.status == 201 else answer.message))
    return found


def told(cases: list[dict[str, Any]]) -> list[tuple[object, int, str]]:
    return [(case["body"], case["status"], case["message"]) for case in cases]


def test_each_is_refused_and_nothing_is_made(wharfd: Wharfd) -> None:
    volumes = wharfd.docker("volume", "ls", "-q").text
    assert answers(wharfd, "/v1.51", CASES) == told(CASES)
    assert wharfd.docker("ps", "-aq").text == ""
    assert wharfd.docker("volume", "ls", "-q").text == volumes


def refusals_of_the_guide() -> list[dict[str, Any]]:
    """The last table of docs/guide/config-matrix.md."""
    page = (Path(__file__).parents[2] / "docs/guide/config-matrix.md").read_text().split("## Refused")[1]
    rows = re.findall(r"^\| `(.*?)` \| (\d+) (.*?) \| .*? \|$", page, re.MULTILINE)
    assert len(rows) == page.count("\n| ") - 1
    return [{"body": json.loads(body), "status": int(status), "message": text} for body, status, text in rows]


def test_what_the_guide_says_is_refused_is(wharfd: Wharfd) -> None:
    cases = refusals_of_the_guide()
    assert answers(wharfd, "/v1.51", cases) == told(cases)
    assert wharfd.docker("ps", "-aq").text == ""


@pytest.mark.peer
def test_dockerd_says_the_same(dockerd: Engine) -> None:
    theirs = [case for case in CASES if case["as"] == "dockerd"]
    assert len(theirs) > 40
    assert answers(dockerd, "/v1.41", theirs) == told(theirs)
