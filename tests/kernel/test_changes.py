"""What a container changed, seen from its upper directory: whiteouts and opaque directories need root to be made."""

import os
import stat
from pathlib import Path

import pytest

from wharf.linux import overlay
from wharf.snapshots.changes import Kind, difference

pytestmark = pytest.mark.kernel

A, C, D = Kind.ADDED, Kind.MODIFIED, Kind.DELETED


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, list[Path]]:
    """An empty upper directory over two layers; the upper of them has deleted /gone."""
    bottom, top, upper = tmp_path / "bottom", tmp_path / "top", tmp_path / "upper"
    for path in (bottom / "etc", bottom / "opt/deep", top / "etc", upper):
        path.mkdir(parents=True)
    for path in (bottom / "etc/passwd", bottom / "opt/old", bottom / "opt/deep/x", bottom / "gone", top / "etc/new"):
        path.write_text("text")
    os.mknod(top / "gone", stat.S_IFCHR, 0)
    return upper, [top, bottom]


def same_times(upper: Path, lower: Path) -> None:
    found = lower.stat()
    os.utime(upper, ns=(found.st_atime_ns, found.st_mtime_ns))


def found_in(layers: tuple[Path, list[Path]]) -> list[tuple[str, Kind]]:
    return difference(*layers).ordered()


def test_nothing(layers: tuple[Path, list[Path]]) -> None:
    assert found_in(layers) == []


def test_added_modified_deleted(layers: tuple[Path, list[Path]]) -> None:
    upper, lower = layers
    (upper / "etc").mkdir()
    same_times(upper / "etc", lower[0] / "etc")
    (upper / "etc/passwd").write_text("changed")
    os.mknod(upper / "etc/new", stat.S_IFCHR, 0)
    (upper / "gone").write_text("again")
    (upper / "d/e").mkdir(parents=True)
    assert found_in(layers) == [
        ("/d", A),
        ("/d/e", A),
        ("/etc", C),
        ("/etc/new", D),
        ("/etc/passwd", C),
        ("/gone", A),
    ]


def test_a_directory_that_was_replaced(layers: tuple[Path, list[Path]]) -> None:
    upper, _ = layers
    (upper / "opt").mkdir()
    descriptor = os.open(upper / "opt", os.O_RDONLY)
    overlay.make_opaque(descriptor)
    os.close(descriptor)
    (upper / "opt/x").write_text("x")
    assert found_in(layers) == [("/opt", C), ("/opt/deep", D), ("/opt/old", D), ("/opt/x", A)]


def test_a_whiteout_of_nothing_is_no_change(layers: tuple[Path, list[Path]]) -> None:
    os.mknod(layers[0] / "never", stat.S_IFCHR, 0)
    assert found_in(layers) == []


def test_what_the_runtime_made(layers: tuple[Path, list[Path]]) -> None:
    """Its mount points are no changes, nor is the time of the directory that holds them; what is in them is."""
    upper, _ = layers
    for path in ("proc", "sys", "dev", "etc"):
        (upper / path).mkdir()
    for path in ("hosts", "hostname", "resolv.conf"):
        (upper / "etc" / path).touch()
    found = difference(*layers)
    assert found.ordered() == []
    assert set(found.hidden) == {
        *("/proc", "/sys", "/dev", "/etc", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"),
    }
    (upper / "etc/resolv.conf").write_text("nameserver 10.0.0.1")
    (upper / "dev/file").touch()
    assert found_in(layers) == [("/dev", A), ("/dev/file", A), ("/etc", C), ("/etc/resolv.conf", A)]


def test_owner_and_mode_of_a_directory(layers: tuple[Path, list[Path]]) -> None:
    upper, lower = layers
    (upper / "opt").mkdir()
    (upper / "opt").chmod(0o700)
    same_times(upper / "opt", lower[1] / "opt")
    assert found_in(layers) == [("/opt", C)]


def test_a_link_in_the_upper_directory_is_not_followed(layers: tuple[Path, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host/file").touch()
    (layers[0] / "opt").symlink_to(tmp_path / "host")
    assert found_in(layers) == [("/opt", C)]


def test_a_full_copy(layers: tuple[Path, list[Path]]) -> None:
    upper, lower = layers
    for path in ("etc/passwd", "opt/old"):
        (upper / path).parent.mkdir(exist_ok=True)
        (upper / path).write_text("text")
        same_times(upper / path, lower[1] / path)
    (upper / "opt/old").write_text("changed")
    for path in ("etc", "opt"):
        same_times(upper / path, (lower[0] if path == "etc" else lower[1]) / path)
    assert difference(upper, lower, whole=True).ordered() == [
        ("/etc", C),
        ("/etc/new", D),
        ("/opt", C),
        ("/opt/deep", D),
        ("/opt/old", C),
    ]
