"""What flags become: the same requests, and the same refusals, as docker's command line 28.2 makes of them.

`create_requests.json` holds facts recorded from it: arguments of `create`, and the body that it sent or the error that
it printed. Left out of a body are empty values, and what is the same in all: both output streams attached, the
default network, no restarts, console size and swappiness unset.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from wharf.cli.commands.container.create import COMMAND
from wharf.cli.commands.container.options import check_platform, create_body
from wharf.cli.errors import USAGE, BadUsage, Exit
from wharf.cli.flags import parse
from wharf.client.names import parse_name
from wharf.errors import EngineError

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("create_requests.json").read_text())
NAMED_BY_USERS = {"ExposedPorts", "Volumes", "Tmpfs", "Labels", "Sysctls", "StorageOpt", "Annotations", "PortBindings"}
ENV_FILE = "A=1\nB\n# c\nHOSTVAR\nC = 3\n"
LABEL_FILE = "l1=v1\nl2\n"


def without_empty(value: Any, *, keep: bool = False) -> Any:
    if isinstance(value, dict):
        members = {name: without_empty(member, keep=name in NAMED_BY_USERS) for name, member in value.items()}
        return {name: member for name, member in members.items() if keep or member not in (None, "", 0, False, {}, [])}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def without_common(body: dict[str, Any]) -> dict[str, Any]:
    host = body["HostConfig"]
    common = {
        "ConsoleSize": [0, 0],
        "MemorySwappiness": -1,
        "RestartPolicy": {"Name": "no"},
        "NetworkMode": "default",
    }
    body["HostConfig"] = {name: value for name, value in host.items() if common.get(name) != value}
    if not body["HostConfig"]:
        del body["HostConfig"]
    if body.get("AttachStdout") and body.get("AttachStderr"):
        del body["AttachStdout"], body["AttachStderr"]
    if body["Image"] == "busybox":
        del body["Image"]
    return body


def request_of(arguments: list[str]) -> dict[str, Any]:
    options, (image, *command) = parse(COMMAND.flags, arguments, anywhere=False)
    body = create_body(options, image, command)
    check_platform(options["platform"])
    parse_name(image)
    kept: dict[str, Any] = without_common(without_empty(body))
    if binds := kept.get("HostConfig", {}).get("Binds"):
        binds.sort()
    return kept


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "env.txt").write_text(ENV_FILE)
    (tmp_path / "labels.txt").write_text(LABEL_FILE)
    (tmp_path / "sec.json").write_text('{"defaultAction":"SCMP_ACT_ALLOW"}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOSTVAR", "hv")
    monkeypatch.delenv("NOSUCHVAR", raising=False)
    return tmp_path


def filled(value: Any, place: Path) -> Any:
    return json.loads(json.dumps(value).replace("{dir}", str(place)))


ACCEPTED = [case for case in CASES if "body" in case]
# --cidfile is looked at when the container is made, not when flags are read.
REFUSED = [case for case in CASES if "error" in case and "--cidfile" not in case["args"]]


def name_of(case: dict[str, Any]) -> str:
    return " ".join(case["args"])[:80]


@pytest.mark.parametrize("case", ACCEPTED, ids=name_of)
def test_flags_make_the_request_that_docker_makes(case: dict[str, Any], place: Path) -> None:
    assert request_of(filled(case["args"], place)) == filled(case["body"], place)


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_what_docker_refuses_is_refused_in_the_same_words(case: dict[str, Any], place: Path) -> None:
    with pytest.raises(EngineError) as caught:
        request_of(filled(case["args"], place))
    text = str(caught.value)
    if not isinstance(caught.value, Exit | BadUsage) and case["code"] == USAGE:
        text = f"wharf: {text}"
    # Where docker repeats an error's kind at the end, we do not.
    assert filled(case["error"], place).removesuffix(": invalid argument") == text


def test_env_files_and_flags_are_joined_and_the_last_wins(place: Path) -> None:
    (place / "env.txt").write_text("A=1\nB\n# c\nHOSTVAR\n\n  D=a b \nE=\n")
    body = request_of(["--env-file", str(place / "env.txt"), "-e", "A=2", "busybox"])
    assert body["Env"] == ["A=2", "HOSTVAR=hv", "D=a b ", "E="]
