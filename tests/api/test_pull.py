"""Pulling a Debian-sized image from Debian's own registry on loopback; the tree must be that of skopeo and tar."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import images
from harness.engine import API, missing, wait_until
from harness.registry import Registry
from harness.wharfd import Wharfd

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def debian(registry: Registry) -> str:
    """The name of a Debian image in the registry, with all that a package manager puts into one."""
    if lacking := missing(["mmdebstrap"]):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    tree = registry.root / "debian.tar"
    done = subprocess.run(
        ["mmdebstrap", "--variant=apt", "--quiet", registry.suite(), str(tree)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mmdebstrap cannot reach a mirror: {done.stderr.decode(errors='replace')[-200:]}")
    archive = registry.root / "debian-image.tar"
    archive.write_bytes(images.archive("debian:test", [tree.read_bytes()], {"Cmd": ["bash"]}))
    return registry.push(archive, "debian:test")


def test_the_tree_is_what_the_registry_has(wharfd: Wharfd, registry: Registry, debian: str) -> None:
    wharfd.docker("pull", debian, timeout=300)
    id = wharfd.docker("create", debian).text
    # By way of a container, so that the whole path counts: layers, overlay, mount.
    listing = "find / -xdev -printf '%P %y %m %U %G %n %s %l\\n'"
    wharfd.docker("rm", id)
    ran = wharfd.docker("run", "--rm", "--network", "none", "--cgroupns", "private", debian, "sh", "-c", listing)
    theirs = {line.split(" ")[0]: line for line in ran.out.decode(errors="replace").splitlines()}
    assert len(theirs) >= 6000
    with tarfile.open(registry.root / "debian.tar") as tar:
        for entry in tar:
            name = entry.name.removeprefix("./").rstrip("/")
            if name in ("", ".") or name.split("/")[0] in ("dev", "proc", "sys") or name in made_at_start():
                continue
            assert name in theirs, name
            _, kind, mode, uid, gid, _, size, *link = theirs[name].split(" ")
            assert (int(mode, 8), int(uid), int(gid)) == (entry.mode if kind != "l" else 0o777, entry.uid, entry.gid), (
                name
            )
            if entry.isreg():
                assert (kind, int(size)) == ("f", entry.size), name
            if entry.issym():
                assert (kind, link[0]) == ("l", entry.linkname), name


def made_at_start() -> set[str]:
    """Files that every container gets from its engine."""
    return {"etc/hosts", "etc/hostname", "etc/resolv.conf"}


def test_every_byte_is_what_the_registry_has(wharfd: Wharfd, registry: Registry, debian: str) -> None:
    wharfd.docker("pull", "-q", debian, timeout=300)
    ran = wharfd.docker(
        "run", "--rm", debian, "sh", "-c", "find usr etc var -xdev -type f -print0 | xargs -0 sha256sum", timeout=120
    )
    lines = (line.partition("  ") for line in ran.out.decode(errors="replace").splitlines())
    sums = {name: digest for digest, _, name in lines}
    compared = 0
    with tarfile.open(registry.root / "debian.tar") as tar:
        for entry in tar:
            name = entry.name.removeprefix("./")
            if entry.isreg() and name in sums and name not in made_at_start():
                data = tar.extractfile(entry)
                assert data is not None
                assert hashlib.sha256(data.read()).hexdigest() == sums[name], name
                compared += 1
    assert compared > 4000


def test_a_second_pull_has_nothing_to_do(wharfd: Wharfd, debian: str) -> None:
    wharfd.docker("pull", debian, timeout=300)
    text = wharfd.docker("pull", debian).text
    assert "Image is up to date" in text and "Pull complete" not in text


def test_what_the_registry_does_not_have(wharfd: Wharfd, registry: Registry) -> None:
    refused = wharfd.docker("pull", f"{registry.address}/no/such:tag", check=False)
    assert refused.code == 1
    assert "not found" in refused.error or "manifest unknown" in refused.error


def test_a_registry_that_does_not_answer(wharfd: Wharfd) -> None:
    refused = wharfd.docker("pull", "127.0.0.1:1/nobody", check=False)
    assert refused.code == 1
    assert "connection refused" in refused.error.lower()


def test_a_blob_with_the_wrong_bytes_is_refused(wharfd: Wharfd, registry: Registry) -> None:
    archive = registry.root / "small.tar"
    archive.write_bytes(images.archive("small:1", [images.layer(lambda tar: None), os.urandom(0) + b"\0" * 10240]))
    name = registry.push(archive, "small:1")
    for blob in registry.blobs():
        if blob.stat().st_size < 4096 and blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.write_bytes(blob.read_bytes()[:-1] + b"\xff")
    refused = wharfd.docker("pull", name, check=False)
    assert refused.code == 1
    assert "No such image" in wharfd.docker("image", "inspect", name, check=False).error


HOSTILE = {
    "an absolute link for a parent": [("link", "d", "/tmp"), ("file", "d/planted", "")],
    "a relative link for a parent": [("link", "d", "../../../../../../tmp"), ("file", "d/planted", "")],
    "a name with dots": [("file", "../../../../../../tmp/planted", "")],
    "an absolute name": [("file", "/tmp/planted", "")],
    "a hard link outwards": [("hard", "planted", "../../../../../../etc/passwd")],
    "a hard link by way of a link": [("link", "d", "/etc"), ("hard", "planted", "d/passwd")],
    "a directory over a link": [("link", "d", "/tmp"), ("directory", "d", ""), ("file", "d/planted", "")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_layers_touch_nothing_outside(wharfd: Wharfd, name: str) -> None:
    def build(tar: tarfile.TarFile) -> None:
        kinds = {
            "link": tarfile.SYMTYPE,
            "file": tarfile.REGTYPE,
            "hard": tarfile.LNKTYPE,
            "directory": tarfile.DIRTYPE,
        }
        for kind, path, target in HOSTILE[name]:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = kinds[kind], target, 0o777
            tar.addfile(entry)

    mode = Path("/tmp").stat().st_mode
    before = wharfd.docker("images", "-aq").text.split()
    loaded = wharfd.docker("load", input=images.archive("hostile:1", [images.layer(build)]), check=False)
    assert not Path("/tmp/planted").exists()
    assert Path("/tmp").stat().st_mode == mode
    if loaded.code == 0:  # what it names is inside the image, where it harms nobody
        wharfd.docker("rmi", "-f", "hostile:1")
    else:
        assert loaded.error
    assert wharfd.docker("images", "-aq").text.split() == before


def test_an_image_of_several_layers_with_whiteouts(wharfd: Wharfd) -> None:
    def lower(tar: tarfile.TarFile) -> None:
        for path in ("a/one", "a/two", "b/three", "c/four"):
            tar.addfile(tarfile.TarInfo(path))

    def upper(tar: tarfile.TarFile) -> None:
        for path in ("a/.wh.one", "b/.wh..wh..opq", "b/new", ".wh.c"):
            tar.addfile(tarfile.TarInfo(path))

    layers = [images.busybox_layer(), images.layer(lower), images.layer(upper)]
    wharfd.docker("load", input=images.archive("layers:1", layers))
    assert (
        wharfd.docker("run", "--rm", "layers:1", "sh", "-c", "ls -d a/* b/* c 2>/dev/null; true").text == "a/two\nb/new"
    )
    wharfd.docker("rmi", "layers:1")


def test_names_and_history(wharfd: Wharfd) -> None:
    wharfd.docker("tag", "busybox", "shelf/box:1")
    assert "shelf/box:1" in wharfd.docker("images", "--format", "{{.Repository}}:{{.Tag}}").text.split()
    tags = json.loads(wharfd.docker("image", "inspect", "shelf/box:1").text)[0]["RepoTags"]
    assert sorted(tags) == ["busybox:latest", "shelf/box:1"]
    assert "made by a test" in wharfd.docker("history", "--no-trunc", "busybox").text
    assert wharfd.docker("rmi", "shelf/box:1").text == "Untagged: shelf/box:1"
    wharfd.docker("create", "--name", "box", "busybox")
    refused = wharfd.docker("rmi", "busybox", check=False)
    assert "conflict: unable to remove repository reference" in refused.error


def test_import_of_a_plain_tree(wharfd: Wharfd) -> None:
    id = wharfd.docker("import", "-c", 'CMD ["echo", "imported"]', "-", "plain:1", input=images.busybox_layer()).text
    assert id.startswith("sha256:")
    assert wharfd.docker("run", "--rm", "plain:1").text == "imported"
    wharfd.docker("rmi", "plain:1")


def test_disk_usage_counts_images(wharfd: Wharfd) -> None:
    used = wharfd.request("GET", f"{API}/system/df").json
    assert used["LayersSize"] > 500_000
    assert [image for image in used["Images"] if "busybox:latest" in image["RepoTags"]]


def test_without_space_a_load_fails_clearly_and_leaves_nothing() -> None:
    wharfd = Wharfd()
    (wharfd.root / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(wharfd.root / "data")], check=True)
    try:
        wharfd.start()

        def build(tar: tarfile.TarFile) -> None:
            import io

            entry = tarfile.TarInfo("big")
            entry.size = 64 << 20
            tar.addfile(entry, io.BytesIO(bytes(entry.size)))

        loaded = wharfd.docker("load", input=images.archive("big:1", [images.layer(build)]), check=False)
        assert loaded.code == 1
        assert "no space left on device" in loaded.error.lower()
        assert wharfd.docker("images", "-aq").text == ""
        wait_until(lambda: shutil.disk_usage(wharfd.root / "data").used < 4 << 20, "nothing is left of it")
        wharfd.stop()
    finally:
        if wharfd.running:
            wharfd.stop()
        subprocess.run(["umount", str(wharfd.root / "data")], check=True)
        wharfd.close()


def test_bootstrap_makes_a_base_image(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()
    wharfd.wharf("image", "bootstrap", "busybox")
    assert stat.S_IMODE(Path("/tmp").stat().st_mode) == 0o1777
    assert wharfd.docker("run", "--rm", "busybox", "echo", "from packages").text == "from packages"
