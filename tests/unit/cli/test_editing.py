"""What the flags of `wharf container edit` make of a container as it is."""

from typing import Any

import pytest

from wharf.cli.commands.container.edit import COMMAND
from wharf.cli.commands.container.editing import edit_body
from wharf.cli.flags import parse
from wharf.errors import InvalidArgument

FOUND: dict[str, Any] = {
    "Config": {
        "Env": ["A=1", "B=2"],
        "Labels": {"a": "1", "b": "2"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "99/tcp": {}},
        "Volumes": {"/anon": {}, "/other": {}},
    },
    "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "53/udp": [{"HostIp": "", "HostPort": ""}]},
        "Binds": ["/a:/bound:ro", "named:/named"],
        "Mounts": [{"Type": "tmpfs", "Target": "/memory"}],
        "Tmpfs": {"/t": "size=1m"},
    },
}


def body(*words: str, found: dict[str, Any] = FOUND) -> dict[str, Any]:
    options, (_, *command) = parse(COMMAND.flags, words, anywhere=False)
    return edit_body(found, options, command)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["box", "sh", "-c", "x y"], {"Cmd": ["sh", "-c", "x y"]}),
        (["--entrypoint", "", "-u", "1", "-w", "/w", "--hostname", "h", "box"],
         {"Entrypoint": [""], "User": "1", "WorkingDir": "/w", "Hostname": "h"}),
        (["-e", "B=3", "-e", "C=4", "--env-rm", "A", "box"], {"Env": ["B=3", "C=4"]}),
        (["-l", "c=3", "--label-rm", "a", "box"], {"Labels": {"b": "2", "c": "3"}}),
        (["-m", "64m", "--cpus", "0.5", "--restart", "on-failure:2", "box"],
         {"HostConfig": {"Memory": 64 << 20, "NanoCpus": 500_000_000,
                         "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}}),
        (["--publish-rm", "80", "-p", "127.0.0.1:1:53/udp", "box"],
         {"ExposedPorts": {"53/udp": {}, "99/tcp": {}},
          "HostConfig": {"PortBindings": {"53/udp": [{"HostIp": "", "HostPort": ""},
                                                     {"HostIp": "127.0.0.1", "HostPort": "1"}]}}}),
        (["-p", "8080:80", "box"],
         {"ExposedPorts": FOUND["Config"]["ExposedPorts"],
          "HostConfig": {"PortBindings": FOUND["HostConfig"]["PortBindings"]}}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_is_asked_for(words: list[str], wanted: dict[str, Any]) -> None:
    assert body(*words) == wanted


def mounts(*words: str) -> dict[str, Any]:
    found = body(*words, "box")
    return {**found["HostConfig"], "Volumes": found["Volumes"]}


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["--mount-rm", "/bound"], {"Binds": ["named:/named"]}),
        (["--mount-rm", "/memory/"], {"Mounts": []}),
        (["--mount-rm", "/t", "--mount-rm", "/anon"], {"Tmpfs": {}, "Volumes": {"/other": {}}}),
        (["-v", "/new", "-v", "x:/named"], {
            "Binds": ["/a:/bound:ro", "x:/named"], "Volumes": {"/anon": {}, "/other": {}, "/new": {}}}),
        (["--mount-add", "type=volume,target=/bound"], {
            "Binds": ["named:/named"],
            "Mounts": [{"Type": "tmpfs", "Target": "/memory"}, {"Type": "volume", "Target": "/bound"}]}),
        (["--mount-add", "type=bind,source=/x,target=/y,idmap=owner"], {
            "Mounts": [{"Type": "tmpfs", "Target": "/memory"}, {"Type": "bind", "Source": "/x", "Target": "/y"}],
            "Idmaps": {"/y": "owner"}}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_mounts(words: list[str], changed: dict[str, Any]) -> None:
    host = FOUND["HostConfig"]
    same = {"Binds": host["Binds"], "Mounts": host["Mounts"], "Tmpfs": host["Tmpfs"]}
    assert mounts(*words) == same | {"Volumes": FOUND["Config"]["Volumes"]} | changed


def test_an_edit_that_waits_is_what_the_next_one_starts_from() -> None:
    pending = {**FOUND, "PendingEdit": {"Config": {"Env": ["A=1", "W=1"]}, "HostConfig": {}}}
    assert body("-e", "X=2", "box", found=pending) == {"Env": ["A=1", "W=1", "X=2"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["box"], "you must provide one or more flags, or a command"),
        (["--no-restart", "box"], "you must provide one or more flags, or a command"),
        (["--env-rm", "X", "box"], "no such environment variable: X"),
        (["--label-rm", "x", "box"], "no such label: x"),
        (["--publish-rm", "81", "box"], "port 81/tcp is not published"),
        (["--mount-rm", "/x", "--mount-rm", "/t", "box"], "nothing is mounted at /x"),
        (["-p", "x", "box"], "invalid containerPort: x"),
        (["--restart", "on-failure:x", "box"], "maximum retry count must be an integer"),
    ],
)
def test_what_cannot_be(words: list[str], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        body(*words)
