"""What clients see of a container's files is the same with every storage driver."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import btrfs
from harness.engine import API, wait_until
from harness.wharfd import Wharfd

SCRIPT = (
    "mkdir -p /d/s /o/deep; echo x >/d/f; ln -s f /d/l; ln /d/f /d/h; mkfifo /d/p; rm /etc/group; rm -r /home;"
    "mkdir /home; echo y >/home/new; chmod 700 /var; rm -rf /root; echo v >/v/x; echo t >/tm/x; rm -r /o/deep;"
    "mkdir -p /o/deep/again; mv /etc/passwd /etc/moved; rm -r /usr/sbin; echo file >/usr/sbin; chown 7:8 /d/s"
)
#: Where the runtime puts what every container has.
MOUNTED = ("dev/", "proc/", "sys/", "etc/hostname/", "etc/hosts/", "etc/resolv.conf/")


@contextmanager
def engine_with(driver: str, directory: Path, new_wharfd: Callable[..., Wharfd]) -> Iterator[Wharfd]:
    if driver != "btrfs":
        yield new_wharfd("--storage-driver", driver)
        return
    with btrfs.mounted(directory) as place:
        engine = new_wharfd("--storage-driver", driver, "--data-root", str(place / "data"))
        try:
            yield engine
        finally:
            engine.remove_all()
            assert engine.stop() == 0


def members(archive: bytes) -> dict[str, tuple[Any, ...]]:
    """What a tar archive has, without times."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {}
        for entry in tar:
            data = tar.extractfile(entry) if entry.isreg() else None
            content = hashlib.sha256(data.read()).hexdigest() if data else ""
            found[entry.name] = (entry.type, entry.mode & 0o7777, entry.uid, entry.gid, entry.linkname, content)
        return {name: what for name, what in found.items() if not f"{name}/".startswith(MOUNTED)}


def layer_of(engine: Wharfd, image: str) -> dict[str, tuple[Any, ...]]:
    """The topmost layer, as docker save gives it."""
    with tarfile.open(fileobj=io.BytesIO(engine.docker("save", image).out)) as saved:
        listed = saved.extractfile("manifest.json")
        assert listed is not None
        layer = saved.extractfile(json.load(listed)[0]["Layers"][-1])
        assert layer is not None
        return members(layer.read())


def seen(engine: Wharfd) -> dict[str, Any]:
    """All that clients can ask about the files of a container that has changed much."""
    engine.docker("run", "--name", "box", "-v", "/v", "--tmpfs", "/tm", "busybox", "sh", "-c", SCRIPT)
    engine.docker("cp", "-", "box:/d", input=archive({"copied": b"in"}))
    before = {
        "diff": sorted(engine.docker("diff", "box").text.splitlines()),
        "export": members(engine.docker("export", "box").out),
        "copied": members(engine.docker("cp", "box:/d", "-").out),
    }
    engine.docker("commit", "box", "made:1")
    engine.docker("run", "--name", "again", "made:1", "sh", "-c", "echo 2 >/home/new; rm /d/h; touch /root")
    engine.docker("commit", "again", "made:2")
    after = {
        "layers": [layer_of(engine, "made:1"), layer_of(engine, "made:2")],
        "of the image": members(engine.docker("export", engine.docker("create", "made:2").text).out),
        "sizes": [engine.request("GET", f"{API}/containers/{name}/json?size=1").json["SizeRw"] for name in ("again",)],
    }
    engine.docker("rm", "-v", "box", "again")
    engine.docker("run", "--rm", "made:2", "sh", "-c", "test ! -e /etc/group && test ! -e /d/h && test -f /usr/sbin")
    return before | after


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@btrfs.needed
def test_all_storage_drivers_show_the_same(new_wharfd: Callable[..., Wharfd], tmp_path: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    for driver in ("overlay2", "vfs", "btrfs"):
        with engine_with(driver, tmp_path, new_wharfd) as engine:
            assert engine.docker("info", "-f", "{{.Driver}}").text == driver
            found[driver] = seen(engine)
    layers = {driver: seen_there.pop("layers") for driver, seen_there in found.items()}
    for driver in ("vfs", "btrfs"):
        for what, expected in found["overlay2"].items():
            assert found[driver][what] == expected, (driver, what)
    # overlayfs knows directories that hide what is below them: its layers say the same in another way.
    assert layers["vfs"] == layers["btrfs"]
    layer = layers["vfs"][0]
    assert {"d/f", "etc/.wh.group", "etc/.wh.passwd", "etc/moved", ".wh.root", "usr/sbin"} <= set(layer)
    assert "bin/busybox" not in layer


def restarted_with(driver: str, engine: Wharfd) -> None:
    engine.flags[engine.flags.index("--storage-driver") + 1] = driver
    engine.restart()
    if driver:
        assert engine.docker("info", "-f", "{{.Driver}}").text == driver, "who names one gets it"


def test_the_driver_of_last_time_is_used_again(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd("--storage-driver", "vfs")
    for _ in range(2):
        restarted_with("", engine)
        assert engine.docker("info", "-f", "{{.Driver}}").text == "vfs"


def test_containers_keep_the_driver_that_made_them(new_wharfd: Callable[..., Wharfd]) -> None:
    """Whichever new ones get: they start, can be compared, copied from and committed, and go with all that they had."""
    engine = new_wharfd("--storage-driver", "overlay2")
    script = "rm -f /etc/group; echo x >>/f; cat /f"
    made: dict[str, str] = {}  # by container
    for turn, driver in enumerate(("overlay2", "vfs", "overlay2"), 1):
        if turn > 1:
            restarted_with(driver, engine)
        engine.docker("run", "--name", f"box{turn}", "busybox", "sh", "-c", script)
        engine.docker("run", "-d", "--name", f"up{turn}", "busybox", "top")
        made |= {f"box{turn}": driver, f"up{turn}": driver}
        for name, maker in made.items():
            assert engine.docker("inspect", "-f", "{{.Driver}} {{.GraphDriver.Name}}", name).text == f"{maker} {maker}"
        for before in range(1, turn):
            assert engine.docker("start", "-a", f"box{before}").text.split() == ["x"] * (turn - before + 1)
            assert engine.docker("diff", f"box{before}").text.splitlines() == ["C /etc", "D /etc/group", "A /f"]
            assert engine.docker("exec", f"up{before}", "cat", "/etc/group").text
            assert b"x\n" in engine.docker("cp", f"box{before}:/f", "-").out
            engine.docker("commit", f"box{before}", f"made:{before}")
            assert engine.docker("run", "--rm", f"made:{before}", "sh", "-c", "test ! -e /etc/group && cat /f").text
    engine.docker("rm", "-f", *made)
    wait_until(lambda: not list((engine.root / "data/overlay2/containers").iterdir()), "nothing is left of them")
