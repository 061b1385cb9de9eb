"""Copy-up from a mounted overlay, with what only root can make: devices, owners, capabilities, trusted attributes."""

import subprocess
import sys
from pathlib import Path

import pytest

# Runs in a mount namespace of its own, so that no mount can be left behind.
_CHILD = """
import os, stat, struct, sys
from pathlib import Path
from wharf.linux import syscall
from wharf.volumes.directories import Directories

top = Path(sys.argv[1])
syscall.unshare(syscall.CLONE_NEWNS)
syscall.mount("", "/", flags=syscall.MS_REC | syscall.MS_PRIVATE)
# A file system of its own: overlay in overlay is not allowed everywhere.
syscall.mount("tmpfs", str(top), "tmpfs")
lower, upper, work, root = (top / name for name in ("lower", "upper", "work", "root"))
for path in (lower / "data/old", upper, work, root):
    path.mkdir(parents=True)
(lower / "data/deleted").write_text("x")
(lower / "data/old/file").write_text("lower")
(lower / "data/twin").write_text("twin")
(lower / "data/twin2").hardlink_to(lower / "data/twin")
syscall.mount("overlay", str(root), "overlay", data=f"lowerdir={lower},upperdir={upper},workdir={work}")
data = root / "data"
(data / "deleted").unlink()
(data / "tool").write_text("binary")
os.chown(data / "tool", 1000, 1001)
(data / "tool").chmod(0o4755)
CAP_NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
os.setxattr(data / "tool", "security.capability", CAP_NET_BIND)
os.setxattr(data / "tool", "trusted.mark", b"1")
os.mknod(data / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
os.mkfifo(data / "pipe", 0o640)
os.mknod(data / "socket", stat.S_IFSOCK | 0o600)
os.symlink("/nowhere", data / "link")
os.chown(data / "link", 5, 6, follow_symlinks=False)
os.chown(data, 999, 998)
data.chmod(0o2750)

driver = Directories(top / "volumes")
driver.ensure("vol")
fd = os.open(data, os.O_RDONLY)
driver.fill("vol", fd, lambda: False)
os.close(fd)

def facts(path):
    found = {}
    for place in (path, *path.rglob("*")):
        info = place.lstat()
        own = [name for name in os.listxattr(place, follow_symlinks=False)]
        found[str(place.relative_to(path))] = (
            info.st_mode, info.st_uid, info.st_gid, info.st_rdev, info.st_mtime_ns,
            info.st_size if stat.S_ISREG(info.st_mode) else 0,
            {name: os.getxattr(place, name, follow_symlinks=False) for name in own},
        )
    return found

copied = driver.mountpoint("vol")
before, after = facts(data), facts(copied)
assert after == before, [(name, after.get(name)) for name in before if before[name] != after.get(name)]
assert os.getxattr(copied / "tool", "security.capability") == CAP_NET_BIND
assert stat.S_ISCHR((copied / "null").lstat().st_mode) and not (copied / "deleted").exists()
assert (copied / "twin").samefile(copied / "twin2")
"""


@pytest.mark.kernel
def test_everything_that_an_image_can_hold(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _CHILD, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


_FULL = """
import os, sys
from pathlib import Path
from wharf.linux import syscall
from wharf.volumes.directories import Directories

top = Path(sys.argv[1])
syscall.unshare(syscall.CLONE_NEWNS)
syscall.mount("", "/", flags=syscall.MS_REC | syscall.MS_PRIVATE)
image, disk = top / "image", top / "disk"
image.mkdir()
disk.mkdir()
for number in range(40):
    (image / str(number)).write_bytes(b"x" * 100_000)
syscall.mount("tmpfs", str(disk), "tmpfs", data="size=2m")
driver = Directories(disk / "volumes")
driver.ensure("vol")
fd = os.open(image, os.O_RDONLY)
try:
    driver.fill("vol", fd, lambda: False)
except OSError as error:
    print(error.strerror)
assert driver.is_empty("vol")
(disk / "big").write_bytes(b"x" * 1_900_000)  # all of the space is free again
"""


@pytest.mark.kernel
def test_a_full_disk_leaves_the_volume_empty_and_takes_no_space(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, tmp_path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "No space left on device\n"), done.stderr
