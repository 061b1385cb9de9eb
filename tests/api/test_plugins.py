"""Managed plugins as a store: made of archives, listed, shown, removed; and that nothing hostile gets further."""

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harness.dockerd import Dockerd
from harness.engine import API, Engine, wait_until
from harness.plugin_archives import (
    CONFIG,
    DIRECTORY,
    Member,
    archive,
    create,
    names,
    none_is_left,
    none_stays,
    on_disk,
    plugin,
)
from harness.wharfd import Wharfd


@pytest.fixture
def engine(wharfd: Wharfd) -> Iterator[Wharfd]:
    """It has no plugins, before and after."""
    with none_is_left(wharfd):
        yield wharfd


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory as plugins' authors make it."""
    (tmp_path / "rootfs/bin").mkdir(parents=True)
    (tmp_path / "rootfs/bin/p").write_text("#!/bin/nobody")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "README").write_text("not part of it")
    return tmp_path


def test_a_plugin_from_a_directory(engine: Wharfd, tree: Path) -> None:
    assert engine.docker("plugin", "create", "me/shelf", str(tree)).text == "me/shelf"
    (listed,) = engine.docker("plugin", "ls", "--format", "{{.Name}} {{.Enabled}} {{.Description}}").text.splitlines()
    assert listed == "me/shelf:latest false for tests"
    (shown,) = json.loads(engine.docker("plugin", "inspect", "me/shelf").text)
    assert shown["PluginReference"] == shown["Name"] == "me/shelf:latest"
    assert shown["Settings"]["Env"] == ["A=1"] and shown["Settings"]["Mounts"] == shown["Config"]["Mounts"]
    assert engine.docker("plugin", "inspect", shown["Id"][:10], "-f", "{{.Name}}").text == "me/shelf:latest"
    rootfs = engine.root / "data/plugins" / shown["Id"] / "rootfs"
    assert [str(path.relative_to(rootfs)) for path in sorted(rootfs.rglob("*"))] == ["bin", "bin/p"]
    assert engine.docker("plugin", "rm", "me/shelf").text == "me/shelf"
    assert names(engine) == []


def test_compressed_and_several_of_the_same_layer(engine: Wharfd, tree: Path) -> None:
    engine.docker("plugin", "create", "--compress", "one:1", str(tree))
    engine.docker("plugin", "create", "one:2", str(tree))
    taken = engine.docker("plugin", "create", "one:2", str(tree), check=False)
    assert taken.code == 1 and "plugin one:2 already exists" in taken.error
    engine.docker("plugin", "rm", "one:1")
    assert names(engine) == ["one:2"]


def test_modes_and_owners_are_those_of_the_archive(engine: Wharfd) -> None:
    assert create(engine, "p", plugin()).status == 204
    id = engine.docker("plugin", "inspect", "p", "-f", "{{.Id}}").text
    directory = engine.root / "data/plugins" / id
    status = (directory / "rootfs/bin/p").stat()
    assert (status.st_mode & 0o7777, status.st_uid) == (0o4755, 7)
    assert directory.stat().st_mode & 0o007 == 0  # its setuid programs are for nobody on the host


def test_plugins_outlive_the_daemon(new_wharfd: Any) -> None:
    engine = new_wharfd(image=False)
    create(engine, "p", plugin())
    before = engine.request("GET", f"{API}/plugins").json
    engine.kill9()
    engine.start()
    assert engine.request("GET", f"{API}/plugins").json == before


def test_events_tell_what_happens(engine: Wharfd) -> None:
    create(engine, "me/p", plugin())
    id = engine.docker("plugin", "inspect", "me/p", "-f", "{{.Id}}").text
    engine.docker("plugin", "rm", "me/p")
    until = engine.inside("date", "+%s.%N").strip()
    lines = engine.docker(
        "events", "--since", "1", "--until", until, "--filter", f"plugin={id}", "--format", "{{json .}}"
    )
    events = [json.loads(line) for line in lines.text.splitlines()]
    assert [(one["Type"], one["Action"]) for one in events] == [("plugin", "create"), ("plugin", "remove")]
    assert events[0]["Actor"] == {"ID": id, "Attributes": {"name": "me/p:latest"}}


def linked(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    return name, None, {"type": kind, "linkname": target}


HOSTILE = {
    "no archive": b"hello" * 200,
    "nothing": b"",
    "cut short": plugin()[:700],
    "no config": archive([("rootfs", None, DIRECTORY)]),
    "config is a link": archive([linked("config.json", "/etc/passwd"), ("rootfs", None, DIRECTORY)]),
    "config is a pipe": archive([("config.json", None, {"type": tarfile.FIFOTYPE}), ("rootfs", None, DIRECTORY)]),
    "config is huge": plugin(config=b'{"description": "' + b"x" * (2 << 20) + b'"}'),
    "config is no JSON": plugin(config=b"{"),
    "config is a list": plugin(config=[]),
    "config is nested": plugin(config=b"[" * 100_000),
    "wrong types": plugin(config={"entrypoint": "sh"}),
    "wrong interface": plugin(config={"interface": {"types": ["nonsense"], "socket": "x"}}),
    "rootfs is a link": archive([("config.json", b"{}", {}), linked("rootfs", "/etc")]),
    "rootfs is a file": archive([("config.json", b"{}", {}), ("rootfs", b"", {})]),
    "out by dots": plugin(("rootfs/../../escaped", b"x", {})),
    "out by a link": plugin(linked("rootfs/out", "/tmp"), ("rootfs/out/escaped", b"x", {})),
    "out by a link upwards": plugin(linked("rootfs/out", "../../.."), ("rootfs/out/escaped", b"x", {})),
    "hard link to the host": plugin(linked("rootfs/passwd", "/etc/passwd", tarfile.LNKTYPE)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_plugin_makes_nothing(engine: Wharfd, what: str) -> None:
    answer = create(engine, "bad", HOSTILE[what])
    assert answer.status == 500 and answer.message
    assert names(engine) == [] and not Path("/tmp/escaped").exists()
    wait_until(lambda: on_disk(engine) == set(), "nothing is left")


def test_devices_in_a_plugin_stay_devices_that_only_root_reaches(engine: Wharfd) -> None:
    node = ("rootfs/null", None, {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3, "mode": 0o666})
    assert create(engine, "p", plugin(node)).status == 204


# dockerd 20.10 and we answer the same, down to the words.
SAME: list[tuple[str, str, object]] = [
    ("POST", "/plugins/create?name=", plugin()),
    ("POST", f"/plugins/create?name=p@sha256:{'0' * 64}", plugin()),
    ("POST", "/plugins/create?name=kept", plugin()),
    ("POST", "/plugins/create?name=bad", archive([("rootfs", None, DIRECTORY)])),
    ("GET", "/plugins/nobody/json", None),
    ("GET", "/plugins/NO:::/json", None),
    ("GET", f"/plugins/kept@sha256:{'0' * 64}/json", None),
    ("DELETE", "/plugins/nobody?force=1", None),
    ("POST", "/plugins/nobody/enable?timeout=1", None),
    ("POST", "/plugins/nobody/enable?timeout=9223372036854775807", None),
    ("POST", "/plugins/nobody/disable", None),
    ("POST", "/plugins/kept/disable", None),
    ("POST", "/plugins/nobody/push", None),
    ("POST", "/plugins/nobody/set", ["A=1"]),
    ("POST", "/plugins/kept/set", {"A": 1}),
    ("POST", "/plugins/kept/upgrade", []),
    ("GET", "/plugins/privileges", None),
    ("POST", f"/plugins/pull?remote=x&name=y@sha256:{'0' * 64}", []),
    ("POST", "/plugins/pull?remote=x&name=kept", []),
    ("POST", "/plugins/pull?remote=", []),
    ("GET", f"/plugins?filters={quote(json.dumps({'enabled': ['true']}))}", None),
]


@pytest.mark.peer
def test_refusals_are_those_of_dockerd(engine: Wharfd, dockerd: Dockerd) -> None:
    def answers(engine: Engine) -> list[tuple[str, int, str]]:
        assert create(engine, "kept", plugin()).status == 204
        headers = {"Content-Type": "application/x-tar"}
        given = []
        for method, path, body in SAME:
            answer = engine.request(method, f"{API}{path}", body, headers=headers if isinstance(body, bytes) else None)
            text = answer.body.decode().strip()
            given.append((f"{method} {path[:60]}", answer.status, text.replace('"invalid JSON: ', '"')))
        return given

    with none_stays(dockerd):
        assert answers(engine) == answers(dockerd)


@pytest.mark.peer
def test_plugins_look_like_those_of_dockerd(engine: Wharfd, dockerd: Dockerd) -> None:
    def shown(engine: Engine) -> Any:
        assert create(engine, "me/p", plugin(("rootfs/new", os.urandom(8), {}))).status == 204
        found = engine.request("GET", f"{API}/plugins/me/p/json").json
        assert len(found.pop("Id")) == 64 and len(found["Config"]["rootfs"].pop("diff_ids")) == 1
        found["Config"].pop("DockerVersion", None)
        return found

    with none_stays(dockerd):
        assert shown(engine) == shown(dockerd)
