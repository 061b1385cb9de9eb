"""PUT and GET of archives: all that a tar can hold, and all that a hostile tar or container can try."""

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.engine import API, Answer
from harness.swapping import swapped
from harness.wharfd import Wharfd

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: object) -> Member:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size, entry.mode, entry.mtime = kind, len(content), 0o644, 1_000_000_000
    for field, value in more.items():
        setattr(entry, field, value)
    return entry, content


def tar(*members: Member, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for entry, content in members:
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def put(wharfd: Wharfd, path: str, body: bytes, more: str = "") -> Answer:
    return wharfd.request("PUT", f"{API}/containers/box/archive?path={quote(path)}{more}", body)


def get(wharfd: Wharfd, path: str) -> dict[str, tarfile.TarInfo]:
    answer = wharfd.request("GET", f"{API}/containers/box/archive?path={quote(path)}")
    assert answer.status == 200, answer.body
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        return {entry.name: entry for entry in archive}


def seen(wharfd: Wharfd, script: str) -> list[str]:
    """Lines that a shell prints in the container."""
    return wharfd.docker("exec", "box", "sh", "-c", script, check=False).text.splitlines()


@pytest.fixture
def box(wharfd: Wharfd) -> str:
    wharfd.docker("run", "-d", "--name", "box", "--tmpfs", "/memory", "-v", "/volume", "busybox", "sleep", "600")
    return "box"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_compressed_or_not(wharfd: Wharfd, box: str, mode: str) -> None:
    content = os.urandom(300_000) + bytes(700_000)
    assert put(wharfd, "/volume", tar(member("file", content=content), mode=mode)).status == 200
    assert wharfd.docker("exec", box, "cat", "/volume/file").out == content


def test_all_that_a_tar_can_hold_and_back(wharfd: Wharfd, box: str) -> None:
    odd = "name \udcff\n\t'\"\\ü"
    long = "/".join(["d" * 200] * 6)
    body = tar(
        member("d", tarfile.DIRTYPE, mode=0o1750, uid=7, gid=8),
        member("d/file", content=b"x" * 1000, mode=0o4711, uid=70_000, gid=3_000_000),
        member("d/hard", tarfile.LNKTYPE, linkname="d/file"),
        member("d/link", tarfile.SYMTYPE, linkname="../../nowhere"),
        member("d/null", tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("d/pipe", tarfile.FIFOTYPE),
        member(f"d/{odd}", content=b"odd"),
        member(f"d/{long}", content=b"long"),
        member("d/marked", content=b"m", pax_headers={"SCHILY.xattr.user.test": "value"}),
        member("parents/are/made", content=b"p"),
    )
    assert put(wharfd, "/", body).status == 200
    script = "stat -c '%A %u:%g %h %t:%T' . file hard null pipe; readlink link; cat null /parents/are/made"
    listing = seen(wharfd, f"cd /d; {script}")
    assert listing == [
        *("drwxr-x--T 7:8 3 0:0", "-rws--x--x 70000:3000000 2 0:0", "-rws--x--x 70000:3000000 2 0:0"),
        *("crw-r--r-- 0:0 1 1:3", "prw-r--r-- 0:0 1 0:0", "../../nowhere", "p"),
    ]
    found = get(wharfd, "/d")
    file, hard = found["d/file"], found["d/hard"]
    assert (file.mode, file.uid, file.gid, file.mtime) == (0o4711, 70_000, 3_000_000, 1_000_000_000)
    assert (hard.islnk(), hard.linkname) == (True, "d/file")
    assert (found["d/link"].linkname, found["d/null"].devmajor, found["d/pipe"].isfifo()) == ("../../nowhere", 1, True)
    assert f"d/{odd}" in found and f"d/{long}" in found
    assert found["d/marked"].pax_headers["SCHILY.xattr.user.test"] == "value"
    assert found["d"].mode == 0o1750


def test_into_what_is_mounted(wharfd: Wharfd, box: str) -> None:
    for path in ("/memory", "/volume", "/dev/shm"):
        assert put(wharfd, path, tar(member("file", content=path.encode()))).status == 200
    assert seen(wharfd, "cat /memory/file /volume/file /dev/shm/file") == ["/memory/volume/dev/shm"]
    assert list(get(wharfd, "/memory")) == ["memory", "memory/file"]
    wharfd.docker("kill", box)
    # What was in memory is gone; the volume's is not, and can be written without a process.
    assert put(wharfd, "/volume", tar(member("more", content=b"1"))).status == 200
    assert set(get(wharfd, "/volume")) == {"volume", "volume/file", "volume/more"}
    assert list(get(wharfd, "/memory")) == ["memory"]


def test_owners(wharfd: Wharfd, box: str) -> None:
    wharfd.docker("rm", "-f", box)
    wharfd.docker("run", "-d", "--name", "box", "--user", "11:12", "busybox", "sleep", "600")
    body = tar(member("file", uid=5, gid=6))
    for more, owner in (("", "5:6"), ("&copyUIDGID=1", "11:12"), ("&copyUIDGID=false", "5:6")):
        assert put(wharfd, "/tmp", body, more).status == 200
        assert seen(wharfd, "stat -c %u:%g /tmp/file") == [owner]


OUT = "/tmp/outside-of-the-container"
LINK, HARD_LINK = tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE: Sequence[tuple[str, tuple[Member, ...], int, str]] = [
    ("a climbing name", (member("../../escaped"),), 400, 'invalid entry name "../../escaped"'),
    ("one that climbs late", (member("a/../../../escaped"),), 400, 'invalid entry name "a/../../../escaped"'),
    ("a climbing hard link", (member("h", HARD_LINK, linkname="../../etc/passwd"),), 400, "invalid hardlink target"),
    ("a hard link out", (member("h", HARD_LINK, linkname=f"{OUT}/secret"),), 400, "hard link"),
    ("an absolute name", (member("/absolute", content=b"in"),), 200, ""),
    ("through a link", (member("s", LINK, linkname=OUT), member("s/escaped", content=b"in")), 400, "link"),
    ("through a climbing link", (member("r", LINK, linkname=f"../../..{OUT}"), member("r/escaped")), 400, "link"),
    ("over a link", (member("o", LINK, linkname=f"{OUT}/secret"), member("o", content=b"in")), 200, ""),
    ("a file as a directory", (member("f", content=b"1"), member("f/below", content=b"2")), 400, "not a directory"),
    ("no tar at all", (), 400, ""),
]


@pytest.mark.parametrize(("members", "status", "words"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_archives_stay_inside(
    wharfd: Wharfd, box: str, members: tuple[Member, ...], status: int, words: str
) -> None:
    outside = Path(OUT)
    outside.mkdir()
    try:
        (outside / "secret").write_text("the host's")
        answer = put(wharfd, "/volume", tar(*members) if members else b"no tar " * 200)
        assert (answer.status, words in (answer.message if answer.body else "")) == (status, True), answer.body
        assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("secret", "the host's")]
        assert not Path("/escaped").exists() and not Path("/absolute").exists()
    finally:
        (outside / "secret").unlink()
        outside.rmdir()


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_race_over_links_is_never_won(wharfd: Wharfd, tmp_path: Path, state: str) -> None:
    """A directory and a link to the host's change places thousands of times a second while files go in and out."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    for directory in (outside, inside / "d", inside / "d/sub"):
        directory.mkdir(parents=True)
    (outside / "secret").write_text("the host's secret")
    (outside / "sub").mkdir()
    (inside / "d/secret").write_text("own")
    (inside / "link").symlink_to(outside)
    wharfd.docker("run", "-d", "--name", "box", "-v", f"{inside}:/x", "busybox", "sleep", "600")
    if state == "stopped":
        wharfd.docker("kill", "box")
    body = tar(member("secret", content=b"theirs"), member("sub/new", content=b"theirs"))
    statuses = set()
    with swapped(inside / "d", inside / "link"):
        for _ in range(6):
            statuses.add(put(wharfd, "/x/d", body).status)
            statuses.add(put(wharfd, "/x", tar(member("d/secret", content=b"theirs"))).status)
            for path in ("/x/d/secret", "/x/d/", "/x/d/sub", "/x"):
                answer = wharfd.request("GET", f"{API}/containers/box/archive?path={path}")
                statuses.add(answer.status)
                assert b"the host's secret" not in answer.body
    assert statuses <= {200, 400, 404, 500} and 200 in statuses
    assert (outside / "secret").read_text() == "the host's secret"
    assert sorted(path.name for path in outside.rglob("*")) == ["secret", "sub"]
