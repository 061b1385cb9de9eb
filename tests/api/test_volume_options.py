"""Local volumes whose options mount something: when it is mounted, who sees it, and when it goes."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.engine import API, missing, wait_until
from harness.wharfd import Wharfd


@pytest.fixture
def create(wharfd: Wharfd) -> Iterator[Callable[..., Path]]:
    """Makes a volume `vol` with options; its mount point."""

    def make(**options: str) -> Path:
        flags = [part for name, value in options.items() for part in ("--opt", f"{name}={value}")]
        wharfd.docker("volume", "create", *flags, "vol")
        return Path(wharfd.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "vol").text)

    yield make
    wharfd.remove_all()
    wharfd.docker("volume", "rm", "-f", "vol")


def run(wharfd: Wharfd, script: str) -> str:
    return wharfd.docker("run", "--rm", "-v", "vol:/v", "busybox", "sh", "-c", script).text


def test_a_tmpfs_lasts_from_the_first_user_to_the_last(wharfd: Wharfd, create: Callable[..., Path]) -> None:
    place = create(type="tmpfs", device="tmpfs", o="size=1m,uid=7,mode=0750,noexec")
    assert not place.is_mount()
    first = wharfd.docker("run", "-d", "-v", "vol:/v", "busybox", "sleep", "600").text
    assert place.is_mount()
    said = run(wharfd, "grep ' /v ' /proc/mounts; stat -c %u:%a /v; touch /v/shared")
    assert "noexec" in said and "size=1024k" in said and "7:750" in said
    assert wharfd.docker("exec", first, "ls", "/v").text == "shared"
    assert place.is_mount()
    wharfd.docker("rm", "-f", first)
    assert not place.is_mount()
    assert run(wharfd, "ls /v") == ""
    assert not place.is_mount()


def test_a_directory_of_the_host(wharfd: Wharfd, create: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("host")
    create(type="none", device=str(tmp_path), o="bind,ro")
    assert run(wharfd, "cat /v/file; touch /v/x 2>&1 | grep -o Read-only") == "hostRead-only"
    wharfd.docker("volume", "rm", "vol")
    assert (tmp_path / "file").read_text() == "host"


def test_an_empty_one_is_filled_from_the_image(wharfd: Wharfd, create: Callable[..., Path], tmp_path: Path) -> None:
    create(type="none", device=str(tmp_path), o="bind")
    wharfd.docker("create", "--name", "full", "-v", "vol:/etc", "busybox", "true")
    assert (tmp_path / "passwd").is_file()
    wharfd.docker("rm", "full")


@pytest.mark.skipif(bool(missing(["mkfs.ext4"])), reason="not installed: mkfs.ext4")
def test_an_image_of_a_file_system(wharfd: Wharfd, create: Callable[..., Path], tmp_path: Path) -> None:
    image = tmp_path / "disk.ext4"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    place = create(type="ext4", device=str(image))
    holder = wharfd.docker("run", "-d", "-v", "vol:/v", "busybox", "sleep", "600").text
    wharfd.docker("run", "-d", "busybox", "sleep", "600")  # this one must not keep it busy
    device = place.stat().st_dev
    assert users_of(wharfd, device)
    assert run(wharfd, "grep -c ' /v ext4 ' /proc/mounts; touch /v/kept").endswith("1")
    wharfd.docker("rm", "-f", holder)
    assert run(wharfd, "ls /v").split() == ["kept", "lost+found"]
    assert not place.is_mount()
    wait_until(lambda: not users_of(wharfd, device), "nobody keeps it busy")


def users_of(engine: Wharfd, device: int) -> list[str]:
    """The processes of an engine that see a file system mounted somewhere, by its number."""
    text, found = f" {os.major(device)}:{os.minor(device)} ", []
    for pid, command in engine.processes():
        with suppress(OSError):  # it has just ended
            if text in Path(f"/proc/{pid}/mountinfo").read_text():
                found.append(command)
    return found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": "none", "device": "/none", "o": "bind"}, "mount /none:{0}, flags: 0x1000: no such file or directory"),
        ({"type": "foofs", "device": "x"}, "mount x:{0}: no such device"),
        ({"type": "tmpfs", "device": "x", "o": "bogus=1"}, "mount x:{0}, data: bogus=1: invalid argument"),
        (
            {"type": "cifs", "device": "//x/y", "o": "addr=127.0.0.9,password=secret"},
            "password=********: no such device",
        ),
    ],
)
def test_what_cannot_be_mounted(
    wharfd: Wharfd, create: Callable[..., Path], options: dict[str, str], words: str
) -> None:
    place = create(**options)
    id = wharfd.docker("create", "--mount", "type=volume,src=vol,dst=/v,volume-nocopy", "busybox", "true").text
    answer = wharfd.request("POST", f"{API}/containers/{id}/start")
    assert answer.status == 500 and "secret" not in answer.message
    assert answer.message.startswith(f"error while mounting volume '{place}': failed to mount local volume: ")
    assert answer.message.endswith(words.format(place))
    assert not place.is_mount()


def test_nothing_stays_mounted_whoever_dies(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()
    wharfd.docker("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "vol")
    place = Path(json.loads(wharfd.docker("volume", "inspect", "vol").text)[0]["Mountpoint"])
    one, two = (wharfd.docker("run", "-d", "-v", "vol:/v", "busybox", "sleep", "600").text for _ in range(2))
    wharfd.docker("exec", one, "touch", "/v/file")
    wharfd.kill9()
    os.kill(_pid_of(wharfd, one), 9)
    wharfd.start()
    wait_until(lambda: not wharfd.state(one)["Running"], "the end is known")
    # The other one runs on, with what there was.
    assert place.is_mount() and wharfd.docker("exec", two, "ls", "/v").text == "file"
    wharfd.kill9()
    os.kill(_pid_of(wharfd, two), 9)
    wharfd.start()
    wait_until(lambda: not place.is_mount(), "it is unmounted")


def _pid_of(wharfd: Wharfd, id: str) -> int:
    """Of a container whose daemon is dead: its runtime wrote it down."""
    return int((wharfd.root / "exec/containers" / id / "pid").read_text())
