"""Copy-up: what an image has at the place of an empty volume, seen from outside."""

import io
import tarfile
import threading
from collections.abc import Callable

from harness.wharfd import Wharfd

FILES = 300
SPARSE = 64 << 30  # bytes


def image(wharfd: Wharfd) -> None:
    """An image `full` with many files in /data, some with more than one name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(FILES):
            member = tarfile.TarInfo(f"data/{number % 10}/{number}")
            member.size, member.uid, member.mode = 1000, number, 0o640
            archive.addfile(member, io.BytesIO(b"x" * 1000))
        twin = tarfile.TarInfo("data/twin")
        twin.type, twin.linkname = tarfile.LNKTYPE, "data/0/0"
        archive.addfile(twin)
    wharfd.docker("import", "-", "full", input=stream.getvalue())


def test_two_that_start_at_once_both_find_all(wharfd: Wharfd) -> None:
    image(wharfd)
    wharfd.docker("tag", "full", "full:two")
    for attempt in range(3):
        name = f"shared{attempt}"
        mount = ("--mount", f"type=volume,src={name},dst=/data")
        ids: list[str] = []

        def make(mount: tuple[str, str] = mount, ids: list[str] = ids) -> None:
            ids.append(wharfd.docker("create", *mount, "full", "/nothing").text)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 4
        seen = wharfd.docker(
            "run", "--rm", "-v", f"{name}:/v", "busybox", "sh", "-c", "find /v -type f | wc -l; stat -c %h /v/twin"
        )
        assert seen.text.split() == [str(FILES + 1), "2"]
        wharfd.docker("rm", *ids)
        wharfd.docker("volume", "rm", name)
    wharfd.docker("rmi", "full:two", "full")


def test_a_hole_stays_a_hole(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()
    image(wharfd)
    (layer,) = [path for path in (wharfd.root / "data/overlay2").glob("*/data") if path.parent.name.isdecimal()]
    with (layer / "sparse").open("wb") as file:
        file.write(b"begin")
        file.truncate(SPARSE)
        file.seek(SPARSE - 3)
        file.write(b"end")
    wharfd.docker("create", "-v", "big:/data", "full", "/nothing", timeout=30)
    copied = wharfd.root / "data/volumes/big/_data/sparse"
    status = copied.stat()
    assert status.st_size == SPARSE and status.st_blocks * 512 < 1 << 20
    with copied.open("rb") as file:
        assert file.read(5) == b"begin"
        file.seek(-3, 2)
        assert file.read() == b"end"
    shown = wharfd.docker("system", "df", "-v", "--format", "{{json .Volumes}}").text
    assert '"Name":"big"' in shown
