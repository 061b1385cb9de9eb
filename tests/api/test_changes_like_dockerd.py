"""diff, export and commit beside dockerd: what a container changed, and what an image of it has."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from harness.dockerd import Dockerd
from harness.engine import API, Engine, wait_until
from harness.wharfd import Wharfd

SCRIPT = (
    "mkdir -p /d/s /o/deep; echo x >/d/f; ln -s f /d/l; ln /d/f /d/h; mkfifo /d/p; mknod /d/n c 1 3; rm /etc/group;"
    "rm -r /home; mkdir /home; echo y >/home/new; chmod 700 /var; touch /etc/passwd; rm -rf /root; echo v >/v/x;"
    "echo t >/tm/x; rm -r /o/deep; mkdir -p /o/deep/again; mv /bin/true /bin/moved; echo done; exec sleep 600"
)
CHANGES = ['ENTRYPOINT ["/x"]', "ENV B=$A C='x y'", "LABEL l=$A", "EXPOSE 80-82/udp", "WORKDIR rel", "VOLUME /w"]
STATES = ("running", "paused", "exited")


def changed(engine: Engine) -> list[str]:
    engine.docker(
        *("run", "-d", "--name", "changed", "-v", "/v", "--tmpfs", "/tm", "-v", "/etc/hostname:/mnt/file"),
        *("busybox", "sh", "-c", SCRIPT),
    )
    wait_until(lambda: b"done" in engine.docker("logs", "changed").out, "it has made its changes")
    return sorted(engine.docker("diff", "changed").text.splitlines())


def exported(engine: Engine) -> list[tuple[Any, ...]]:
    with tarfile.open(fileobj=io.BytesIO(engine.docker("export", "changed").out)) as archive:
        return sorted(
            (entry.name, entry.type, entry.mode & 0o7777, entry.uid, entry.linkname, entry.size) for entry in archive
        )


def committed(engine: Engine, state: str) -> tuple[Any, ...]:
    name = f"in-{state}"
    engine.docker("run", "-d", "--name", name, "-e", "A=1", "-v", "/v", "busybox", "sh", "-c", "echo 1 >/f; sleep 600")
    wait_until(lambda: engine.docker("exec", name, "test", "-s", "/f", check=False).code == 0, "the file is there")
    if state != "running":
        engine.docker("pause" if state == "paused" else "kill", name)
    changes = [word for change in CHANGES for word in ("-c", change)]
    engine.docker("commit", "-a", "me", "-m", "words", *changes, name, "made:1")
    try:
        [image] = json.loads(engine.docker("inspect", "made:1").out)
        config = {key: value for key, value in image["Config"].items() if value and key not in ("Hostname", "Image")}
        seen = engine.docker("run", "--rm", "--entrypoint", "cat", "made:1", "/f").text
        return config, image["Author"], image["Comment"], seen, engine.state(name)["Status"]
    finally:
        engine.docker("rmi", "made:1")


@pytest.mark.peer
def test_the_same_as_dockerd(wharfd: Wharfd, dockerd: Dockerd) -> None:
    assert changed(wharfd) == changed(dockerd)
    # What is bound over, and the places that the runtime makes for mounts, are each engine's own.
    own = ("dev/", "proc/", "sys/", "etc/", ".dockerenv/", "v/", "tm/", "mnt/")
    differing = set(exported(wharfd)).symmetric_difference(exported(dockerd))
    assert not [entry for entry in differing if not f"{entry[0]}/".startswith(own)]
    for state in STATES:
        assert committed(wharfd, state) == committed(dockerd, state)


@pytest.mark.peer
def test_words_for_what_cannot_be(wharfd: Wharfd, dockerd: Dockerd) -> None:
    for engine in (wharfd, dockerd):
        engine.docker("create", "--name", "new", "busybox", "true")
    for method, path in (
        ("GET", "/containers/none/changes"),
        ("GET", "/containers/none/export"),
        ("GET", "/containers/new/changes"),
        ("POST", "/commit?container=none"),
    ):
        ours, theirs = (engine.request(method, API + path) for engine in (wharfd, dockerd))
        assert (ours.status, ours.body) == (theirs.status, theirs.body), path


def test_a_huge_file_is_told_by_its_size(wharfd: Wharfd, tmp_path: Path) -> None:
    """More than the 8 GiB that the old form of a tar's header can tell; nobody waits for its end."""
    wharfd.docker("create", "--name", "huge", "-v", f"{tmp_path}:/x", "busybox", "true")
    with (tmp_path / "file").open("wb") as file:
        file.truncate(9 << 30)
    with wharfd.connect() as sock:
        sock.sendall(f"GET {API}/containers/huge/archive?path=/x/file HTTP/1.0\r\n\r\n".encode())
        data = b""
        while len(data) < 20_000:
            data += sock.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0]
    with tarfile.open(fileobj=io.BytesIO(body), mode="r|") as archive:
        entry = archive.next()
        assert entry is not None and (entry.name, entry.size) == ("file", 9 << 30)
