"""Mounts as a container finds them, and what the host sees of them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API
from harness.wharfd import Wharfd


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A directory that is a mount, shared with whoever is told of it, with another mounted below it."""
    place = tmp_path / "mounted"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    subprocess.run(["mount", "--make-shared", place], check=True)
    (place / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place / "below"], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-R", "-l", place], check=True)


def sh(wharfd: Wharfd, script: str, *options: str, check: bool = True) -> str:
    """What a shell in a new container says, its errors too."""
    ran = wharfd.wharf("run", "--rm", *options, "busybox", "sh", "-c", f"exec 2>&1; {script}", check=check)
    return ran.text if check else f"{ran.text}{ran.error}"


def options_of(table: str, target: str) -> str:
    """The options of one mount in a container's /proc/self/mountinfo, with its groups."""
    line = next(line for line in table.splitlines() if line.split(" ")[4] == target)
    return " ".join(line.partition(" - ")[0].split(" ")[5:])


TABLE = "cat /proc/self/mountinfo"


def test_a_bind_shows_what_is_mounted_below_or_not(wharfd: Wharfd, mounted: Path) -> None:
    (mounted / "below/file").touch()
    mount = f"type=bind,src={mounted},dst=/m"
    assert sh(wharfd, "ls /m/below", "--mount", mount) == "file"
    assert sh(wharfd, "ls /m/below", "--mount", f"{mount},bind-recursive=disabled") == ""


@pytest.mark.parametrize(
    ("options", "top", "below"),
    [
        ("", "w", "w"),
        (",readonly", "", ""),
        (",readonly,bind-recursive=writable", "", "w"),
        (",readonly,bind-recursive=readonly,bind-propagation=rprivate", "", ""),
    ],
)
def test_how_deep_read_only_goes(wharfd: Wharfd, mounted: Path, options: str, top: str, below: str) -> None:
    script = "touch /m/x 2>/dev/null && echo top; touch /m/below/x 2>/dev/null && echo below; true"
    said = sh(wharfd, script, "--mount", f"type=bind,src={mounted},dst=/m{options}").split()
    assert said == ["top"] * bool(top) + ["below"] * bool(below)
    assert (mounted / "x").exists() == bool(top)


@pytest.mark.parametrize("propagation", ["rprivate", "rslave", "rshared"])
def test_mounts_travel_as_far_as_the_propagation_says(wharfd: Wharfd, mounted: Path, propagation: str) -> None:
    (mounted / "later").mkdir()
    (mounted / "inner").mkdir()
    options = ("-d", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined")
    wharfd.docker("run", "--name", "far", *options, "-v", f"{mounted}:/m:{propagation}", "busybox", "sleep", "60")
    groups = options_of(wharfd.docker("exec", "far", "cat", "/proc/self/mountinfo").text, "/m")
    assert ("shared:" in groups, "master:" in groups) == {
        "rprivate": (False, False),
        "rslave": (False, True),
        "rshared": (True, False),
    }[propagation]
    subprocess.run(["mount", "-t", "tmpfs", "none", mounted / "later"], check=True)
    (mounted / "later/file").touch()
    seen = wharfd.docker("exec", "far", "ls", "/m/later").text
    assert seen == ("" if propagation == "rprivate" else "file")
    wharfd.docker("exec", "far", "mount", "-t", "tmpfs", "none", "/m/inner")
    assert (mounted / "inner").is_mount() == (propagation == "rshared")
    wharfd.docker("rm", "-f", "far")


def test_what_the_host_does_not_share_cannot_be_shared(wharfd: Wharfd, mounted: Path) -> None:
    subprocess.run(["mount", "--make-private", mounted], check=True)
    for mode, words in (("shared", "a shared"), ("rslave", "a shared or slave")):
        ran = wharfd.docker("run", "--rm", "-v", f"{mounted}:/m:{mode}", "busybox", "true", check=False)
        assert f"path {mounted} is mounted on {mounted} but it is not {words} mount" in ran.error


def test_tmpfs_options(wharfd: Wharfd) -> None:
    script = f"{TABLE}; grep ' /t ' /proc/mounts; grep ' /u ' /proc/mounts; ls -ldn /t /u"
    mount = "type=tmpfs,dst=/u,tmpfs-size=64k,tmpfs-mode=0750"
    said = sh(wharfd, script, "--tmpfs", "/t:exec,size=1m,mode=0700,uid=5,gid=6", "--mount", mount)
    assert "noexec" not in options_of(said, "/t") and "nosuid,nodev" in options_of(said, "/t")
    assert "noexec" in options_of(said, "/u")
    assert "size=1024k,mode=700,uid=5,gid=6" in said and "size=64k,mode=750" in said
    assert "drwx------    2 5        6" in said and "drwxr-x---" in said
    assert "Read-only" in sh(wharfd, "touch /t/x", "--tmpfs", "/t:ro", check=False)


@pytest.fixture
def volume(wharfd: Wharfd) -> Iterator[Path]:
    """The content of a volume `v1` with directories, files and links of all kinds."""
    wharfd.docker("volume", "create", "v1")
    place = Path(wharfd.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "v1").text)
    (place / "d/e").mkdir(parents=True)
    (place / "d/e/deep").write_text("deep")
    (place / "d/file").write_text("file")
    for name, target in (("inside", "d/e"), ("absolute", "/etc"), ("up", "../../../../../../etc")):
        (place / name).symlink_to(target)
    try:
        yield place
    finally:
        wharfd.docker("volume", "rm", "-f", "v1")


def subpath(path: str) -> tuple[str, str]:
    return ("--mount", f"type=volume,src=v1,dst=/m,volume-subpath={path}")


def test_a_part_of_a_volume(wharfd: Wharfd, volume: Path) -> None:
    assert sh(wharfd, "ls /m; touch /m/new", *subpath("d/e")) == "deep"
    assert (volume / "d/e/new").exists()
    assert sh(wharfd, "cat /m/deep", *subpath("inside")) == "deep"
    assert sh(wharfd, "cat /m", *subpath("d/file")) == "file"


def test_a_part_of_a_volume_is_copied_from_a_container_that_does_not_run(wharfd: Wharfd, volume: Path) -> None:
    wharfd.wharf("create", "--name", "still", *subpath("d/e"), "busybox", "true")
    assert b"deep" in wharfd.docker("cp", "still:/m/deep", "-").out
    wharfd.docker("rm", "still")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("absolute", 400, "path concatenation escapes the base directory, base: {0}, subpath: absolute"),
        ("up", 400, "path concatenation escapes the base directory, base: {0}, subpath: up"),
        ("nope", 404, "cannot access path {0}/nope: lstat {0}/nope: no such file or directory"),
        ("d/file/x", 500, 'error while resolving symlinks in combined path "{0}/d/file/x": not a directory'),
    ],
)
def test_a_part_of_a_volume_that_is_none(wharfd: Wharfd, volume: Path, path: str, status: int, words: str) -> None:
    id = wharfd.wharf("create", *subpath(path), "busybox", "true").text
    answer = wharfd.request("POST", f"{API}/containers/{id}/start")
    assert (answer.status, answer.message) == (status, words.format(volume))
    wharfd.docker("rm", id)


#: What there is in the volume, and where the link leads in the container.
OURS = {"sub", "at", "/at:", "/v/real/at:"}
SWAP = """
import ctypes, os, sys, time
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
end = time.monotonic() + 60
while time.monotonic() < end:
    libc.renameat2(-100, b"real", -100, b"link", 2)  # RENAME_EXCHANGE
"""


def test_links_that_change_while_a_container_starts_lead_nowhere(wharfd: Wharfd, volume: Path) -> None:
    (volume / "real/sub").mkdir(parents=True)
    (volume / "link").symlink_to("/")
    swapper = subprocess.Popen(["python3", "-c", SWAP, volume])
    try:
        seen = set()
        for _ in range(12):
            # A subpath whose first part is swapped, and a mount point below a volume that is swapped as well.
            said = sh(
                wharfd,
                "ls /m; ls /v/real/at /at 2>/dev/null; true",
                *subpath("real"),
                *("-v", "v1:/v", "--mount", "type=tmpfs,dst=/v/real/at"),
                check=False,
            )
            seen.add("ok" if "sub" in said and set(said.split()) <= OURS else said)
    finally:
        swapper.kill()
        swapper.wait()
    assert all(one == "ok" or one.startswith("wharf: Error response from daemon") for one in seen), seen
    assert "ok" in seen and not Path("/at").exists()


def test_an_image_as_a_mount(wharfd: Wharfd) -> None:
    mount = "type=image,src=busybox,dst=/i"
    part = "type=image,src=busybox,dst=/j,image-subpath=bin"
    said = sh(wharfd, "ls /i; touch /i/x; ls /j | grep -c .", "--mount", mount, "--mount", part)
    assert "etc" in said and "Read-only file system" in said and int(said.split()[-1]) > 100


def test_an_image_mount_in_inspect_and_after_its_removal(wharfd: Wharfd) -> None:
    wharfd.wharf("create", "--name", "img", "--mount", "type=image,src=busybox,dst=/i", "busybox", "true")
    (point,) = json.loads(wharfd.docker("inspect", "-f", "{{json .Mounts}}", "img").text)
    source = Path(point.pop("Source"))
    assert point == {
        "Type": "image",
        "Name": "busybox",
        "Destination": "/i",
        "Mode": "",
        "RW": False,
        "Propagation": "rprivate",
    }
    assert source.is_dir()
    wharfd.docker("rm", "img")
    assert not source.exists()


@pytest.fixture
def mappable(tmp_path: Path) -> Path:
    """A directory on a file system that can map owners."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], check=True, capture_output=True, text=True).stdout
    kernel = tuple(int(part) for part in os.uname().release.split(".")[:2])
    if kind.strip() == "tmpfs" and kernel < (6, 3):
        pytest.skip("tmpfs of this kernel cannot map owners")
    return tmp_path


def owners(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid


@pytest.mark.parametrize("user", ["0:0", "1234:55"])
def test_the_owner_of_an_idmapped_bind_is_the_containers_user(wharfd: Wharfd, mappable: Path, user: str) -> None:
    (mappable / "old").touch()
    (mappable / "root").touch()
    for name in (".", "old"):
        os.chown(mappable / name, 4711, 4712)
    script = "stat -c %u:%g /m /m/old; stat -c %u:%g /m/root; touch /m/new"
    said = sh(wharfd, script, "-u", user, "--mount", f"type=bind,src={mappable},dst=/m,idmap").split()
    assert said[:2] == [user, user] and said[2] == ("4711:4712" if user == "0:0" else "0:0")
    assert owners(mappable / "new") == (4711, 4712)


def test_owners_by_a_map_of_ones_own_and_an_annotation(wharfd: Wharfd, mappable: Path) -> None:
    os.chown(mappable, 4711, 4711)
    given = "wharf.idmap=/m=uids=4711-7-1;gids=4711-8-1"
    bind = ("-v", f"{mappable}:/m", "busybox")
    ran = wharfd.docker("run", "--rm", "--annotation", given, *bind, "stat", "-c", "%u:%g", "/m")
    assert ran.text == "7:8"
    refused = wharfd.docker("run", "--annotation", "wharf.idmap=/n", *bind, "true", check=False)
    assert "invalid idmap of /n: nothing is bound there from the host" in refused.error


def test_volumes_from_takes_all_and_the_own_mount_wins(wharfd: Wharfd, volume: Path, tmp_path: Path) -> None:
    wharfd.docker("create", "--name", "one", "-v", "v1:/m", "-v", f"{tmp_path}:/b", "busybox", "true")
    wharfd.wharf("create", "--name", "two", *subpath("d"), "busybox", "true")
    assert sh(wharfd, "ls /m/d; touch /b/x", "--volumes-from", "one", "--volumes-from", "two").split() == ["e", "file"]
    assert (tmp_path / "x").exists()
    # The first one wins, with its subpath too.
    assert sh(wharfd, "ls /m", "--volumes-from", "two", "--volumes-from", "one").split() == ["e", "file"]
    assert "Read-only" in sh(wharfd, "touch /m/x", "--volumes-from", "one:ro", check=False)
    assert sh(wharfd, "ls /m", "--volumes-from", "one", "-v", f"{tmp_path}:/m") == "x"
    wharfd.docker("rm", "one", "two")


def test_nothing_is_made_by_a_request_that_is_refused(wharfd: Wharfd, tmp_path: Path) -> None:
    def create(**host: Any) -> tuple[int, str]:
        body = {"Image": "busybox", "HostConfig": {"Binds": [f"{tmp_path}/made:/a"], **host}}
        answer = wharfd.request("POST", f"{API}/containers/create", body)
        return answer.status, answer.message

    before = wharfd.docker("volume", "ls", "-q").text
    bind = {"Type": "bind", "Target": "/b", "Source": f"{tmp_path}/none"}
    assert create(Mounts=[bind]) == (
        400,
        f'invalid mount config for type "bind": bind source path does not exist: {tmp_path}/none',
    )
    assert create(Mounts=[{"Type": "image", "Target": "/b", "Source": "nope"}]) == (404, "No such image: nope:latest")
    assert create(Tmpfs={"/a": ""})[0] == 400
    assert create(VolumesFrom=["nobody"])[0] == 400
    assert not (tmp_path / "none").exists()
    assert wharfd.docker("volume", "ls", "-q").text == before
    assert wharfd.docker("ps", "-aq").text == ""


def test_what_the_host_mounts_read_only_stays_so(wharfd: Wharfd, mounted: Path) -> None:
    subprocess.run(["mount", "-o", "remount,bind,ro,nosuid,noexec", mounted], check=True)
    said = sh(wharfd, f"touch /m/x; {TABLE}", "-v", f"{mounted}:/m")
    assert "Read-only" in said and options_of(said, "/m").startswith("ro,nosuid,noexec,")
