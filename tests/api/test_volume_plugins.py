"""Volumes of a plugin, which may be slow, hang, or die."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, Answer, wait_until
from harness.volume_plugin import VolumePlugin
from harness.wharfd import Wharfd

#: What a question to a plugin may take in these tests. Much less than it takes the tests to notice.
TIMEOUT = 4


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    sockets, specs = tmp_path_factory.mktemp("plug"), tmp_path_factory.mktemp("spec")
    return sockets, specs


@pytest.fixture(scope="module")
def engine(roots: tuple[Path, Path], busybox_archive: bytes) -> Iterator[Wharfd]:
    sockets, specs = map(str, roots)
    flags = ("--plugin-socket-dir", sockets, "--plugin-spec-dir", specs, "--plugin-timeout", str(TIMEOUT))
    with Wharfd(*flags).loaded(busybox_archive) as engine:
        yield engine


@pytest.fixture
def plugin(engine: Wharfd, roots: tuple[Path, Path], tmp_path: Path) -> Iterator[VolumePlugin]:
    plugin = VolumePlugin("shelf", roots[0], tmp_path / "shelf")
    try:
        yield plugin
    finally:
        plugin.go_on()
        engine.remove_all()
        for name in engine.docker("volume", "ls", "-q").text.split():
            engine.docker("volume", "rm", name, check=False)
        plugin.close()


def test_a_container_finds_its_data_in_a_plugins_volume(engine: Wharfd, plugin: VolumePlugin) -> None:
    engine.docker("volume", "create", "-d", "shelf", "--opt", "mode=0750", "--label", "a=b", "books")
    run = ("run", "--rm", "-v", "books:/books", "busybox", "sh", "-c")
    assert engine.docker(*run, "stat -c %a /books; echo one > /books/one").text == "750"
    assert (plugin.root / "books/data/one").read_text() == "one\n"
    assert engine.docker(*run, "cat /books/one").text == "one"
    (shown,) = json.loads(engine.docker("volume", "inspect", "books").text)
    assert (shown["Driver"], shown["Labels"], shown["Status"]) == ("shelf", {"a": "b"}, {"users": 0})
    assert shown["Mountpoint"] == str(plugin.root / "books/data")
    assert "shelf" in json.loads(engine.docker("info", "-f", "{{json .Plugins.Volume}}").text)
    engine.docker("volume", "rm", "books")
    assert not (plugin.root / "books").exists()


def test_an_empty_volume_is_filled_and_both_flags_name_the_driver(engine: Wharfd, plugin: VolumePlugin) -> None:
    engine.docker("run", "--rm", "--volume-driver", "shelf", "-v", "full:/etc", "busybox", "true")
    assert (plugin.root / "full/data/passwd").is_file()
    mount = "type=volume,src=bare,dst=/etc,volume-driver=shelf,volume-nocopy,volume-opt=mode=0711"
    engine.docker("run", "--rm", "--mount", mount, "busybox", "true")
    bare = plugin.root / "bare/data"
    assert list(bare.iterdir()) == [] and bare.stat().st_mode & 0o777 == 0o711


def test_what_the_plugin_says_is_told(engine: Wharfd, plugin: VolumePlugin) -> None:
    def create(body: dict[str, Any]) -> Answer:
        return engine.request("POST", f"{API}/volumes/create", body)

    answer = create({"Name": "x1", "Driver": "shelf", "DriverOpts": {"a": "b"}})
    assert (answer.status, answer.message) == (500, "create x1: unknown option a")
    assert engine.request("GET", f"{API}/volumes/x1").status == 404
    answer = create({"Name": "x1", "Driver": "none"})
    told = 'create x1: error looking up volume plugin none: plugin "none" not found'
    assert (answer.status, answer.message) == (404, told)
    engine.docker("volume", "create", "plain")
    answer = create({"Name": "plain", "Driver": "shelf"})
    told = "create plain: driver 'local' already has volume 'plain': volume name must be unique"
    assert (answer.status, answer.message) == (409, told)


def test_volumes_that_the_plugin_made_itself_are_found(engine: Wharfd, plugin: VolumePlugin) -> None:
    (plugin.root / "own/data").mkdir(parents=True)
    (plugin.root / "own/users").mkdir()
    assert "own" in engine.docker("volume", "ls", "-q").text.split()
    engine.docker("run", "--rm", "-v", "own:/x", "busybox", "touch", "/x/file")
    assert (plugin.root / "own/data/file").exists()


def test_users_are_known_to_the_plugin_until_they_end(engine: Wharfd, plugin: VolumePlugin) -> None:
    engine.docker("volume", "create", "-d", "shelf", "books")
    run = ("run", "-d", "-v", "books:/books", "busybox", "sleep", "600")
    one, two = (engine.docker(*run).text for _ in range(2))
    assert plugin.users("books") == sorted([one, two])
    engine.docker("rm", "-f", one)
    assert plugin.users("books") == [two]
    engine.kill9()
    engine.start()
    assert plugin.users("books") == [two]  # it runs on
    engine.docker("rm", "-f", two)
    assert plugin.users("books") == []


def test_who_ended_while_the_daemon_was_away_is_told_to_the_plugin(engine: Wharfd, plugin: VolumePlugin) -> None:
    engine.docker("volume", "create", "-d", "shelf", "books")
    id = engine.docker("run", "-d", "-v", "books:/books", "busybox", "sleep", "600").text
    pid = int(engine.state(id)["Pid"])
    engine.kill9()
    assert plugin.users("books") == [id]
    os.kill(pid, 9)
    engine.start()
    wait_until(lambda: plugin.users("books") == [], "the plugin knows of the end")


def test_a_plugin_that_hangs_is_in_nobody_elses_way(engine: Wharfd, plugin: VolumePlugin) -> None:
    engine.docker("volume", "create", "-d", "shelf", "books")
    engine.docker("volume", "create", "plain")
    stuck = engine.docker("create", "-v", "books:/books", "busybox", "true").text
    plugin.hang()
    clients = [engine.docker_process("start", stuck), engine.docker_process("volume", "create", "-d", "shelf", "more")]
    try:
        # The list says what it does not know, and all others go on.
        listed = engine.request("GET", f"{API}/volumes").json
        assert {"books", "plain"} <= {volume["Name"] for volume in listed["Volumes"]}
        assert "volume plugin shelf does not answer" in listed["Warnings"][0]
        engine.docker("run", "--rm", "-v", "plain:/p", "busybox", "true")
        for client in clients:
            _, said = client.communicate(timeout=60)
            assert client.returncode == 1 and b"context deadline exceeded" in said
    finally:
        plugin.go_on()
        for client in clients:
            client.kill()
            client.wait()
    wait_until(lambda: engine.docker("start", stuck, check=False).code == 0, "it starts when the plugin is back", 20)


def test_a_plugin_that_died_and_came_back(engine: Wharfd, plugin: VolumePlugin) -> None:
    engine.docker("volume", "create", "-d", "shelf", "books")
    plugin.die()
    refused = engine.docker("run", "--rm", "-v", "books:/books", "busybox", "true", check=False)
    assert refused.code == 125 and "VolumeDriver.Mount" in refused.error and "connection refused" in refused.error
    assert "books" in engine.docker("volume", "ls", "-q").text
    plugin.start()
    engine.docker("run", "--rm", "-v", "books:/books", "busybox", "true")


def test_files_that_name_an_address(engine: Wharfd, plugin: VolumePlugin, roots: tuple[Path, Path]) -> None:
    spec, document = roots[1] / "by-spec.spec", roots[1] / "by-json.json"
    spec.write_text(f"unix://{plugin.socket}\n")
    document.write_text(json.dumps({"Name": "by-json", "Addr": f"unix://{plugin.socket}"}))
    try:
        for driver in ("by-spec", "by-json"):
            engine.docker("volume", "create", "-d", driver, f"of-{driver}")
            assert (plugin.root / f"of-{driver}").is_dir()
            engine.docker("volume", "rm", f"of-{driver}")
    finally:
        spec.unlink()
        document.unlink()
