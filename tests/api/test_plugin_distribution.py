"""Plugins on their way to and from Debian's docker-registry, and from dockerd to us and back."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness import images
from harness.dockerd import Dockerd
from harness.engine import API, Answer, Engine, Ran, missing, wait_until
from harness.managed_plugin import make_plugin
from harness.plugin_archives import CONFIG, create, names, none_is_left, none_stays, on_disk, plugin, remove_all, rootfs
from harness.registry import PASSWORD, Registry
from harness.wharfd import Wharfd

LARGE = 5 << 20  # bytes that cannot be compressed, so that a blob goes in several pieces
PRIVILEGES = [
    {"Name": "network", "Description": "permissions to access a network", "Value": ["host"]},
    {"Name": "mount", "Description": "host path to mount", "Value": ["/tmp"]},
    {"Name": "device", "Description": "host device to access", "Value": ["/dev/fuse"]},
    {"Name": "capabilities", "Description": "list of additional capabilities required", "Value": ["CAP_SYS_ADMIN"]},
]


@pytest.fixture
def engine(wharfd: Wharfd) -> Iterator[Wharfd]:
    """It has no plugins, before and after."""
    with none_is_left(wharfd):
        yield wharfd


@pytest.fixture(scope="module")
def pushed(shared_wharfd: Wharfd, registry: Registry) -> str:
    """A plugin in the registry, with a tag of its own; another version of it is tagged 2."""
    name = f"{registry.address}/me/p"
    for tag, config in (("1", CONFIG), ("2", {**CONFIG, "description": "newer", "network": {"type": "none"}})):
        data = plugin(("rootfs/version", tag.encode(), {}), ("rootfs/large", os.urandom(LARGE), {}), config=config)
        assert create(shared_wharfd, f"{name}:{tag}", data).status == 204
        shared_wharfd.docker("plugin", "push", f"{name}:{tag}")
    remove_all(shared_wharfd)
    return name


def lines(answer: Answer) -> list[Any]:
    return [json.loads(line) for line in answer.body.splitlines()]


def pull(engine: Engine, remote: str, granted: object, name: str = "") -> Answer:
    return engine.request("POST", f"{API}/plugins/pull?remote={remote}&name={name}", granted)


def tree(top: Path) -> dict[str, tuple[int, int, str]]:
    """All below a directory: mode, owner and content by name."""
    return {
        str(path.relative_to(top)): (
            path.lstat().st_mode,
            path.lstat().st_uid,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in top.rglob("*")
    }


def test_what_was_pushed_can_be_installed(engine: Wharfd, pushed: str) -> None:
    grant = ("--grant-all-permissions", "--disable")
    out = engine.docker("plugin", "install", *grant, "--alias", "mine", f"{pushed}:1").text
    assert f"1: Pulling from {pushed}" in out and "Installed plugin" in out
    (shown,) = json.loads(engine.docker("plugin", "inspect", "mine").text)
    assert (shown["Name"], shown["PluginReference"], shown["Enabled"]) == ("mine:latest", f"{pushed}:1", False)
    assert rootfs(engine, "mine").joinpath("version").read_text() == "1"
    assert rootfs(engine, "mine").joinpath("large").stat().st_size == LARGE
    assert (rootfs(engine, "mine") / "bin/p").stat().st_mode & 0o7777 == 0o4755
    # The same once more under its own name: its layer is here already.
    again = pull(engine, f"{pushed}:1", PRIVILEGES)
    assert "Already exists" in [line.get("status") for line in lines(again)]
    assert names(engine) == [f"{pushed}:1", "mine:latest"]


def test_progress_is_told_as_by_dockerd(engine: Wharfd, pushed: str) -> None:
    answer = pull(engine, f"{pushed}:1", PRIVILEGES, "p")
    assert answer.headers["docker-plugin-name"] == "p:latest"  # by which docker's client goes on
    told = lines(answer)
    assert told[0] == {"status": f"Pulling from {pushed}", "id": "1", "progressDetail": {}}
    assert told[1]["status"].startswith("Digest: sha256:")
    steps = list(dict.fromkeys(line["status"] for line in told[2:]))
    assert steps == ["Waiting", "Downloading", "Download complete", "Extracting", "Complete"]
    assert len({line["id"] for line in told[2:]}) == 1


def test_a_push_tells_what_it_made(engine: Wharfd, registry: Registry) -> None:
    name = f"{registry.address}/me/told"
    create(engine, name, plugin(("rootfs/new", os.urandom(LARGE), {})))
    told = lines(engine.request("POST", f"{API}/plugins/{name}/push"))
    assert told[0] == {"status": f"The push refers to repository [{name}]"}
    steps = list(dict.fromkeys(line.get("status") for line in told[1:]))
    assert steps == ["Preparing", "Uploading", "Upload complete", None]
    assert told[-1]["aux"]["Tag"] == "latest" and told[-1]["aux"]["Digest"].startswith("sha256:")
    again = lines(engine.request("POST", f"{API}/plugins/{name}/push"))
    assert "Uploading" not in [line.get("status") for line in again]  # the registry has it all
    assert again[-1] == told[-1]
    pulled = lines(pull(engine, f"{name}@{told[-1]['aux']['Digest']}", PRIVILEGES, "by-digest"))
    assert pulled[1] == {"status": f"Digest: {told[-1]['aux']['Digest']}"}
    assert "by-digest:latest" in names(engine)


@pytest.mark.parametrize("granted", [[], PRIVILEGES[1:], [*PRIVILEGES, {"Name": "mount", "Value": ["/etc"]}], None])
def test_what_was_not_granted_is_not_installed(engine: Wharfd, pushed: str, granted: object) -> None:
    assert engine.request("GET", f"{API}/plugins/privileges?remote={pushed}:1").json == PRIVILEGES
    told = lines(pull(engine, f"{pushed}:1", granted))
    assert told[-1]["error"] == "incorrect privileges"
    # Not even its layer has been fetched.
    assert not any(line.get("status") == "Downloading" for line in told)
    assert names(engine) == [] and on_disk(engine) == set()


def test_the_user_is_asked_and_may_say_no(engine: Wharfd, pushed: str) -> None:
    refused = engine.docker("plugin", "install", "--disable", f"{pushed}:1", input=b"n\n", check=False)
    assert "network: [host]" in refused.text and "capabilities: [CAP_SYS_ADMIN]" in refused.text
    assert names(engine) == []


def test_an_upgrade_keeps_the_plugin_and_the_users_settings(engine: Wharfd, pushed: str) -> None:
    pull(engine, f"{pushed}:1", PRIVILEGES, "mine")
    engine.docker("plugin", "set", "mine", "A=chosen")
    before = engine.request("GET", f"{API}/plugins/mine/json").json
    engine.docker("plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", "mine", f"{pushed}:2")
    after = engine.request("GET", f"{API}/plugins/mine/json").json
    assert (after["Id"], after["Name"], after["PluginReference"]) == (before["Id"], "mine:latest", f"{pushed}:2")
    assert after["Config"]["Description"] == "newer" and after["Settings"]["Env"] == ["A=chosen"]
    assert rootfs(engine, "mine").joinpath("version").read_text() == "2"
    # One that fails changes nothing.
    refused = engine.request("POST", f"{API}/plugins/mine/upgrade?remote={pushed}:1", [])
    assert lines(refused)[-1]["error"] == "incorrect privileges"
    assert engine.request("POST", f"{API}/plugins/mine/upgrade?remote={pushed}:9", []).status == 404
    assert engine.request("GET", f"{API}/plugins/mine/json").json == after
    wait_until(lambda: len(list((engine.root / "data/plugins/content/blobs/sha256").iterdir())) == 3, "blobs are swept")


def test_what_the_registry_does_not_have(engine: Wharfd, registry: Registry) -> None:
    name = f"{registry.address}/no/such"
    words = f"error resolving plugin reference: {name}:latest: not found"
    for answer in (pull(engine, name, []), engine.request("GET", f"{API}/plugins/privileges?remote={name}")):
        assert (answer.status, answer.message) == (404, words)
    failed = engine.docker("plugin", "install", "--grant-all-permissions", name, check=False)
    assert failed.code == 1 and words in failed.error
    silent = pull(engine, "127.0.0.1:1/me/p", [])
    assert silent.status == 500 and "connection refused" in silent.message


def test_an_image_is_no_plugin_and_a_plugin_no_image(engine: Wharfd, registry: Registry, pushed: str) -> None:
    image = registry.root / "image.tar"
    image.write_bytes(images.archive("img:1", [images.layer(lambda tar: None)]))
    name = registry.push(image, "img:1")
    refused = engine.request("GET", f"{API}/plugins/privileges?remote={name}")
    words = f"did not find plugin config for specified reference {name}"
    assert (refused.status, refused.message) == (500, words)
    assert pull(engine, name, []).message == words
    other = engine.docker("pull", f"{pushed}:1", check=False)
    words = 'Encountered remote "application/vnd.docker.plugin.v1+json"(plugin) when fetching'
    assert other.code == 1 and words in other.error
    assert names(engine) == []


def test_a_layer_with_the_wrong_bytes_is_refused(engine: Wharfd, registry: Registry) -> None:
    name = f"{registry.address}/me/wrong"
    create(engine, name, plugin(("rootfs/new", os.urandom(LARGE), {})))
    engine.docker("plugin", "push", name)
    remove_all(engine)
    blob = next(one for one in sorted(registry.blobs(), key=_age) if one.stat().st_size > LARGE)
    right = blob.read_bytes()
    blob.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    told = lines(pull(engine, name, PRIVILEGES))
    assert "verification failed for digest" in told[-1]["error"]
    assert names(engine) == []
    blob.write_bytes(right)
    assert "error" not in lines(pull(engine, name, PRIVILEGES))[-1]


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def test_who_is_not_logged_in_neither_pushes_nor_installs(engine: Wharfd, tmp_path: Path) -> None:
    if lacking := missing(["docker-registry"]):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    with Registry(engine.network, tmp_path, "127.0.0.1:5001", login=True) as registry:
        name = f"{registry.address}/me/p"
        create(engine, name, plugin())
        install = ("plugin", "install", "--disable", "--grant-all-permissions", "--alias", "mine", name)
        for refused in (engine.docker("plugin", "push", name, check=False), engine.docker(*install, check=False)):
            assert refused.code == 1 and "no basic auth credentials" in refused.error
        engine.docker("login", "-u", "me", "-p", PASSWORD, registry.address)
        try:
            engine.docker("plugin", "push", name)
            engine.docker(*install)
        finally:
            engine.docker("logout", registry.address)
        assert "mine:latest" in names(engine)


def test_of_several_at_once_one_gets_the_name(engine: Wharfd, pushed: str) -> None:
    with ThreadPoolExecutor() as pool:
        created = list(pool.map(lambda _: create(engine, "p", plugin()).status, range(3)))
        pulled = list(pool.map(lambda name: pull(engine, f"{pushed}:1", PRIVILEGES, name), ["a", "b", "a"]))
    assert sorted(created) == [204, 409, 409]
    assert sorted(answer.status for answer in pulled) == [200, 200, 400]  # and the layer was fetched once
    assert sum(b"Downloading" in answer.body for answer in pulled) == 1
    assert names(engine) == ["a:latest", "b:latest", "p:latest"]


@pytest.mark.peer
@pytest.mark.parametrize("way", ["to us", "to dockerd"])
def test_dockerd_and_we_install_what_the_other_pushed(
    engine: Wharfd, dockerd: Dockerd, registry: Registry, way: str
) -> None:
    """Both have a registry on their loopback, and these have the same storage."""
    maker, user = (dockerd, engine) if way == "to us" else (engine, dockerd)
    name = f"{registry.address}/me/{maker.name}"
    with Registry(dockerd.network, registry.root), none_stays(dockerd):
        assert create(maker, name, plugin(("rootfs/new", os.urandom(8), {}))).status == 204
        maker.docker("plugin", "push", name)
        user.docker("plugin", "install", "--disable", "--grant-all-permissions", name)
        made, used = (one.request("GET", f"{API}/plugins/{name}/json").json for one in (maker, user))
        assert used["Config"] == made["Config"] and used["Settings"] == made["Settings"]
        assert used["PluginReference"] == f"{name}:latest"
        assert tree(rootfs(user, name)) == tree(rootfs(maker, name))
        # And onwards: what was pulled can be pushed again, and is still the same.
        user.docker("plugin", "push", name)


@pytest.mark.peer
def test_what_dockerd_pushed_is_installed_and_runs(
    engine: Wharfd, dockerd: Dockerd, registry: Registry, tmp_path: Path
) -> None:
    """docker plugin install also configures and enables it."""
    name = f"{registry.address}/me/shelf"
    with Registry(dockerd.network, registry.root), none_stays(dockerd):
        dockerd.docker("plugin", "create", name, str(make_plugin(tmp_path / "shelf")))
        dockerd.docker("plugin", "push", name)
    engine.docker("plugin", "install", "--grant-all-permissions", "--alias", "shelf", name, "SHELF_MODE=0711")
    assert engine.docker("plugin", "ls", "--filter", "enabled=true", "--format", "{{.Name}}").text == "shelf:latest"
    engine.docker("volume", "create", "-d", "shelf", "books")
    try:
        assert engine.docker("run", "--rm", "-v", "books:/b", "busybox", "stat", "-c", "%a", "/b").text == "711"
        for verb in ("disable", "rm"):
            refused = engine.docker("plugin", verb, "shelf", check=False)
            assert refused.code == 1 and "plugin shelf:latest is in use" in refused.error
    finally:
        engine.docker("volume", "rm", "books")
    engine.docker("plugin", "disable", "shelf")


@pytest.mark.peer
def test_dockers_command_line_works_as_with_dockerd(
    engine: Wharfd, dockerd: Dockerd, registry: Registry, pushed: str, tmp_path: Path
) -> None:
    """The same commands: the same exit codes, the same output but for digests, order and how far a transfer is."""
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "rootfs/new").write_text(str(tmp_path))
    own = f"{registry.address}/me/own"
    commands = [
        ("create", own, str(tmp_path)),
        ("create", own, str(tmp_path)),
        ("push", own),
        ("push", "nobody"),
        ("install", "--disable", "--grant-all-permissions", "--alias", "mine", f"{pushed}:1"),
        ("install", "--disable", "--grant-all-permissions", "--alias", "mine", f"{pushed}:1"),
        ("install", "--disable", "--grant-all-permissions", f"{pushed}:1", "A=7"),
        ("ls", "--format", "{{.Name}} {{.Enabled}} {{.PluginReference}}", "--filter", "capability=volumedriver"),
        ("ls", "--filter", "nonsense=1"),
        ("inspect", "-f", "{{.Name}} {{json .Settings}} {{json .Config.Interface}}", "mine", f"{pushed}:1"),
        ("inspect", "nobody"),
        ("upgrade", "--grant-all-permissions", "--skip-remote-check", "mine", f"{pushed}:2"),
        ("upgrade", "--grant-all-permissions", "nobody"),
        ("disable", "mine"),
        ("set", "mine", "A=2"),
        ("set", "mine", "nonsense=2"),
        ("rm", "mine", "nobody"),
        ("rm", own, f"{pushed}:1"),
    ]
    with Registry(dockerd.network, registry.root), none_stays(dockerd):
        for command in commands:
            ours, theirs = (said(one.docker("plugin", *command, check=False)) for one in (engine, dockerd))
            assert ours == theirs, command


def said(ran: Ran) -> tuple[int, set[str], str]:
    """Exit code and lines, without those that tell how far a transfer is, which come at the engine's pleasure.

    dockerd 28 has lost the capital that 20.10 has in one error.
    """
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "HEX", ran.text)
    lines = {
        line
        for line in text.splitlines()
        if not re.search(r": (Downloading|Extracting|Uploading|Waiting|Pulling fs layer|Download complete)", line)
    }
    return (
        ran.code,
        lines,
        re.sub(r"^time=.*\n", "", ran.error, flags=re.MULTILINE).replace("Invalid filter", "invalid filter"),
    )
