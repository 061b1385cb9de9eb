"""What a managed plugin's process has of the host, as the kernel tells of it."""

from pathlib import Path

from harness.managed_plugin import NewPlugin
from harness.wharfd import Wharfd


def test_what_a_plugin_is_given(wharfd: Wharfd, new_plugin: NewPlugin, tmp_path: Path) -> None:
    """All that the configuration and the settings say, as the kernel has it of the plugin's process."""
    shown = tmp_path / "shown"
    shown.mkdir()
    plugin = new_plugin(
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
    # From the top of its file system, which may be that of /tmp alone.
    assert str(shown).endswith(mounts["/shown"].split()[3]) and " ro," in mounts["/shown"]
    assert "shared:" in mounts["/mnt/volumes"] and "/etc/resolv.conf" in mounts
    assert (process / "root/run/docker/plugins/shelf.sock").is_socket()


def _namespace(directory: Path, name: str) -> str:
    return str((directory / name).readlink())


def test_what_a_plugin_is_not_given(wharfd: Wharfd, new_plugin: NewPlugin) -> None:
    """Without a word in the configuration it has a container's rights, and namespaces of its own."""
    plugin = new_plugin(user={"uid": 0, "gid": 7})
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
