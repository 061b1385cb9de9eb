"""Managed plugins from outside: the sample plugin is created, enabled, and keeps volumes."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, wait_until
from harness.managed_plugin import ManagedPlugin, make_plugin
from harness.swapping import swapped
from harness.wharfd import Wharfd

Make = Callable[..., ManagedPlugin]


@pytest.fixture
def make(wharfd: Wharfd, tmp_path: Path) -> Iterator[Make]:
    """Makes plugins; they are removed after the test, which leaves nothing of them."""
    made: list[ManagedPlugin] = []

    def create(name: str = "shelf", **config: Any) -> ManagedPlugin:
        wharfd.docker("plugin", "create", name, str(make_plugin(tmp_path / name, **config)))
        made.append(ManagedPlugin(wharfd, name))
        return made[-1]

    yield create
    wharfd.remove_all()
    for plugin in made:
        wharfd.docker("plugin", "rm", "-f", plugin.name, check=False)
        wait_until(lambda plugin=plugin: not plugin.leftovers(), f"nothing is left: {plugin.leftovers()}")
        assert not plugin.directory.exists()
    for name in wharfd.docker("volume", "ls", "-q").text.split():
        wharfd.docker("volume", "rm", "-f", name, check=False)


def test_what_one_container_writes_another_reads(wharfd: Wharfd, make: Make) -> None:
    since = time.time()
    plugin = make()
    assert wharfd.docker("plugin", "enable", "shelf").text == "shelf"
    assert wharfd.docker("volume", "create", "-d", "shelf", "--opt", "mode=0750", "books").text == "books"
    shown = wharfd.docker("volume", "inspect", "-f", "{{.Driver}} {{.Scope}} {{.Status}} {{.Mountpoint}}", "books")
    place = plugin.directory / "propagated-mount/books/data"
    assert shown.text == f"shelf:latest local map[users:0] {place}"
    wharfd.docker("run", "--rm", "-v", "books:/b", "busybox", "sh", "-c", "echo text >/b/page")
    assert (place / "page").read_text() == "text\n" and place.stat().st_mode & 0o777 == 0o750
    wharfd.docker("run", "-d", "--name", "reader", "--volume-driver", "shelf", "-v", "books:/b:ro", "busybox", "top")
    assert wharfd.docker("exec", "reader", "cat", "/b/page").text == "text"
    users = wharfd.docker("volume", "inspect", "-f", "{{.Status.users}}", "books").text
    assert users == "1"

    # What an image has at the place is copied into a new volume of a plugin, too.
    wharfd.docker("run", "--rm", "--volume-driver", "shelf", "-v", "tools:/bin", "busybox", "true")
    assert (plugin.directory / "propagated-mount/tools/data/busybox").exists()
    wharfd.docker("volume", "rm", "tools")

    for verb in (("disable",), ("rm",)):
        refused = wharfd.docker("plugin", *verb, "shelf", check=False)
        assert (refused.code, refused.error) == (1, "Error response from daemon: plugin shelf:latest is in use")
    wharfd.docker("rm", "-f", "reader")
    wharfd.docker("volume", "rm", "books")
    assert not (plugin.directory / "propagated-mount/books").exists()
    enabled = wharfd.docker("plugin", "rm", "shelf", check=False)
    assert enabled.error == "Error response from daemon: plugin shelf:latest is enabled"
    assert plugin.sockets.joinpath("shelf.sock").is_socket()
    assert wharfd.docker("plugin", "disable", "shelf").text == "shelf"
    assert plugin.leftovers() == []
    assert wharfd.docker("plugin", "rm", "shelf").text == "shelf"
    until = str(time.time() + 1)
    events = wharfd.docker(
        "events", "--since", str(since), "--until", until, "--filter", "type=plugin", "--format", "{{json .}}"
    )
    told = [json.loads(line) for line in events.text.splitlines()]
    assert [one["Action"] for one in told] == ["create", "enable", "disable", "remove"]
    assert {(one["Actor"]["ID"], one["Actor"]["Attributes"]["name"]) for one in told} == {(plugin.id, "shelf:latest")}


def test_a_disabled_plugin_is_no_driver(wharfd: Wharfd, make: Make) -> None:
    plugin = make()
    wharfd.docker("plugin", "enable", "shelf")
    wharfd.docker("volume", "create", "-d", plugin.id, "books")  # by its id, too
    # As the API has it: "Only unmanaged (V1) plugins are included in this list".
    assert wharfd.docker("info", "-f", "{{.Plugins.Volume}}").text == "[local]"
    assert wharfd.docker("plugin", "disable", "-f", "shelf").text == "shelf"
    for arguments in (
        ("volume", "create", "-d", "shelf", "more"),
        ("run", "--rm", "-v", "books:/b", "busybox", "true"),
    ):
        refused = wharfd.docker(*arguments, check=False)
        assert refused.code != 0 and "found but disabled" in refused.error, refused
    listed = wharfd.docker("volume", "ls", "--format", "{{.Name}} {{.Driver}}").text
    assert listed == "books shelf:latest"
    wharfd.docker("plugin", "enable", "shelf:latest")
    wharfd.docker("run", "--rm", "-v", "books:/b", "busybox", "true")
    wharfd.docker("plugin", "rm", "-f", "shelf")
    refused = wharfd.docker("volume", "rm", "books", check=False)
    assert 'plugin "shelf:latest" not found' in refused.error, "what it kept may be anywhere"
    assert wharfd.docker("volume", "rm", "-f", "books").text == "books"
    assert "shelf" not in wharfd.docker("info", "-f", "{{.Plugins.Volume}}").text, (
        "as dockerd: managed ones are no news"
    )


def test_what_a_plugin_is_given(wharfd: Wharfd, make: Make, tmp_path: Path) -> None:
    """All that the configuration and the settings say, as the kernel has it of the plugin's process."""
    shown = tmp_path / "shown"
    shown.mkdir()
    plugin = make(
        args={"name": "args", "value": ["--first"], "settable": ["value"]},
        entrypoint=["/usr/bin/python3", "/plugin.py", "--socket", "/run/docker/plugins/shelf.sock"],
        env=[
            {"name": "PYTHONHOME", "value": "/usr"},
            {"name": "A", "value": "1", "settable": ["value"]},
            {"name": "B", "settable": ["value"]},
        ],
        ipchost=True,
        linux={
            "capabilities": ["CAP_SYS_ADMIN"],
            "devices": [{"name": "null", "path": "/dev/null", "settable": ["path"]}],
        },
        mounts=[
            {
                "name": "shown",
                "source": "/nonexistent",
                "destination": "/shown",
                "type": "bind",
                "options": ["rbind", "ro"],
                "settable": ["source"],
            }
        ],
        network={"type": "host"},
        pidhost=True,
        workdir="/tmp",
    )
    settings = ["A=2", f"shown.source={shown}", "null.path=/dev/full", "args=--root /mnt/volumes"]
    wharfd.docker("plugin", "set", "shelf", *settings)
    wharfd.docker("plugin", "enable", "shelf")

    process = Path(f"/proc/{plugin.pid}")
    environment = (process / "environ").read_text().split("\0")
    assert "A=2" in environment and not any(one.startswith("B=") for one in environment)
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in environment
    command = (process / "cmdline").read_text().rstrip("\0").split("\0")
    assert command[-2:] == ["--root", "/mnt/volumes"]
    assert (process / "cwd").readlink() == Path("/tmp")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) & 1 << 21, "CAP_SYS_ADMIN"
    assert not int(status["CapEff"], 16) & 1 << 16, "CAP_SYS_MODULE was not asked for"
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("0", "0")
    daemon = Path(f"/proc/{wharfd.pid}/ns")
    same = {
        name
        for name in ("net", "pid", "ipc", "uts", "mnt")
        if _namespace(process / "ns", name) == _namespace(daemon, name)
    }
    assert same == {"net", "pid", "ipc"}
    assert (process / "root/dev/full").is_char_device()
    mounts = {line.split()[4]: line for line in (process / "mountinfo").read_text().splitlines()}
    assert str(shown) in mounts["/shown"] and " ro," in mounts["/shown"]
    assert "shared:" in mounts["/mnt/volumes"] and "/etc/resolv.conf" in mounts
    assert (process / "root/run/docker/plugins/shelf.sock").is_socket()


def _namespace(directory: Path, name: str) -> str:
    return str((directory / name).readlink())


def test_what_a_plugin_is_not_given(wharfd: Wharfd, make: Make) -> None:
    """Without a word in the configuration it has a container's rights, and namespaces of its own."""
    plugin = make(user={"uid": 0, "gid": 7})
    wharfd.docker("plugin", "enable", "shelf")
    process = Path(f"/proc/{plugin.pid}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == 0xA80425FB
    assert status["Gid"].split()[0] == "7"
    daemon = Path(f"/proc/{wharfd.pid}/ns")
    names = ("net", "pid", "ipc", "uts", "mnt")
    assert not {name for name in names if _namespace(process / "ns", name) == _namespace(daemon, name)}
    assert [line.split(":")[0].strip() for line in (process / "net/dev").read_text().splitlines()[2:]] == ["lo"]
    assert not (process / "root/dev/full").samefile("/dev/full")


def test_a_plugin_that_cannot_start(wharfd: Wharfd, make: Make) -> None:
    """It stays disabled, nothing of it is left, and the daemon's log has what it said."""
    for name, config, words in (
        ("ends", {"entrypoint": ["/usr/bin/python3", "-c", "raise SystemExit('no books today')"]}, "dial unix"),
        ("nothing", {"entrypoint": ["/nothing"]}, "no such file or directory"),
        ("silent", {"entrypoint": ["/usr/bin/python3", "-c", "import time; time.sleep(1000)"]}, "dial unix"),
        ("lacks", {"mounts": [{"name": "m", "destination": "/m", "type": "bind", "settable": ["source"]}]}, "source"),
        ("device", {"linux": {"devices": [{"name": "d", "path": "/dev/nothing"}]}}, "/dev/nothing"),
        ("rights", {"linux": {"capabilities": ["CAP_NONSENSE"]}}, "CAP_NONSENSE"),
    ):
        plugin = make(name, **config)
        refused = wharfd.docker("plugin", "enable", name, check=False)
        assert refused.code == 1 and words in refused.error, refused
        assert wharfd.docker("plugin", "inspect", "-f", "{{.Enabled}}", name).text == "false"
        assert plugin.leftovers() == []
    assert any("error no books today" in line for line in wharfd.log.read_text().splitlines())


def test_a_plugin_that_hangs_delays_its_own_users_only(wharfd: Wharfd, make: Make) -> None:
    plugin = make()
    wharfd.docker("plugin", "enable", "--timeout", "2", "shelf")
    wharfd.docker("volume", "create", "-d", "shelf", "books")
    pid = plugin.pid
    os.kill(pid, 19)
    try:
        waiting = wharfd.docker_process("run", "--rm", "-v", "books:/b", "busybox", "echo", "waited")
        assert wharfd.docker("run", "--rm", "busybox", "echo", "at once").text == "at once"
        late = wharfd.docker("volume", "create", "-d", "shelf", "more", check=False)
        assert "deadline exceeded" in late.error or "timeout" in late.error.lower(), late
    finally:
        os.kill(pid, 18)
    out, _ = waiting.communicate(timeout=30)
    # It had two seconds as well, unless it was asked after it went on.
    assert (out, waiting.returncode) in ((b"waited\n", 0), (b"", 125))
    assert wharfd.docker("run", "--rm", "-v", "books:/b", "busybox", "echo", "again").text == "again"


def test_a_path_of_the_plugin_leads_nowhere_else(wharfd: Wharfd, make: Make) -> None:
    plugin = make()
    wharfd.docker("plugin", "enable", "shelf")
    wharfd.docker("volume", "create", "-d", "shelf", "books")
    data = plugin.directory / "propagated-mount/books/data"
    data.rmdir()
    data.symlink_to("/etc")
    refused = wharfd.docker("run", "--rm", "-v", "books:/b", "busybox", "ls", "/b", check=False)
    assert refused.code == 125 and "symbolic link" in refused.error, refused


def test_nor_does_one_that_changes_while_it_is_in_use(wharfd: Wharfd, make: Make, tmp_path: Path) -> None:
    plugin = make()
    wharfd.docker("plugin", "enable", "shelf")
    wharfd.docker("volume", "create", "-d", "shelf", "books")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/page").write_text("the host's")
    book = plugin.directory / "propagated-mount/books"
    (book / "data/page").write_text("own")
    (book / "link").symlink_to(tmp_path / "outside")
    with swapped(book / "data", book / "link"):
        runs = [
            wharfd.docker("run", "--rm", "-v", "books:/b", "busybox", "cat", "/b/page", check=False) for _ in range(12)
        ]
        exports = [wharfd.request("GET", f"{API}/volumes/books/export").body for _ in range(60)]
    assert {run.text for run in runs} <= {"own", ""}, runs
    assert any(run.text == "own" for run in runs), runs
    assert not any(b"the host's" in export for export in exports)
    assert any(b"own" in export for export in exports)
