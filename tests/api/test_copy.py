"""docker cp, export, diff, commit, stats and update, with the real docker CLI."""

import base64
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, wait_until
from harness.wharfd import Wharfd

SETUP = (
    "mkdir -p /d/sub; echo hello >/d/file; ln -s /d /link; ln -s ../etc/passwd /relative; rm /etc/group;"
    "touch /etc/new; mkfifo /d/pipe; echo ready; exec sleep 600"
)


@pytest.fixture
def box(wharfd: Wharfd) -> str:
    """A running container with a few files of its own."""
    wharfd.docker("run", "-d", "--name", "box", "-v", "/volume", "busybox", "sh", "-c", SETUP)
    wait_until(lambda: b"ready" in wharfd.docker("logs", "box").out, "the container has made its files")
    return "box"


def stat(wharfd: Wharfd, path: str) -> dict[str, object]:
    answer = wharfd.request("HEAD", f"{API}/containers/box/archive?path={path}")
    assert answer.status == 200, (path, answer.status)
    found: dict[str, object] = json.loads(base64.b64decode(answer.headers["x-docker-container-path-stat"]))
    return found


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


def in_each_state(wharfd: Wharfd, state: str) -> None:
    if state == "paused":
        wharfd.docker("pause", "box")
    elif state == "stopped":
        wharfd.docker("kill", "box")


def test_what_a_path_is(wharfd: Wharfd, box: str) -> None:
    assert {key: stat(wharfd, "/d")[key] for key in ("name", "mode", "linkTarget")} == {
        "name": "d",
        "mode": 0x80000000 | 0o755,
        "linkTarget": "",
    }
    assert stat(wharfd, "/link")["linkTarget"] == "/d"
    assert stat(wharfd, "/relative")["linkTarget"] == "/etc/passwd"
    assert (stat(wharfd, "/link/")["name"], stat(wharfd, "/d/.")["name"], stat(wharfd, "/")["name"]) == (
        "link",
        ".",
        "/",
    )


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_out_of_a_container(wharfd: Wharfd, box: str, state: str, tmp_path: Path) -> None:
    in_each_state(wharfd, state)
    assert set(members(wharfd.docker("cp", "box:/d", "-").out)) == {"d", "d/file", "d/pipe", "d/sub"}
    assert set(members(wharfd.docker("cp", "box:/d/.", "-").out)) == {".", "./file", "./pipe", "./sub"}
    link = members(wharfd.docker("cp", "box:/link", "-").out)
    assert link["link"].issym() and link["link"].linkname == "/d"
    assert "d/file" in members(wharfd.docker("cp", "-L", "box:/link", "-").out)
    wharfd.docker("cp", "box:/d/file", str(tmp_path / "renamed"))
    assert (tmp_path / "renamed").read_text() == "hello\n"
    wharfd.docker("cp", "box:/d", str(tmp_path))
    assert (tmp_path / "d/file").read_text() == "hello\n"
    assert (tmp_path / "d/pipe").is_fifo()


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_into_a_container_and_its_volume(wharfd: Wharfd, box: str, state: str, tmp_path: Path) -> None:
    in_each_state(wharfd, state)
    (tmp_path / "tree/below").mkdir(parents=True)
    (tmp_path / "tree/file").write_bytes(os.urandom(3_000_000))
    os.chown(tmp_path / "tree/file", 1234, 5678)
    (tmp_path / "tree/below/link").symlink_to("../file")
    wharfd.docker("cp", str(tmp_path / "tree"), "box:/volume/new")
    wharfd.docker("cp", str(tmp_path / "tree/file"), "box:/link/sub/")
    archive = wharfd.docker("cp", "box:/volume/new", "-").out
    found = members(archive)
    assert set(found) == {"new", "new/file", "new/below", "new/below/link"}
    assert (found["new/file"].uid, found["new/file"].gid, found["new/file"].size) == (1234, 5678, 3_000_000)
    assert (tmp_path / "tree/file").read_bytes() in archive
    assert "d/sub/file" in members(wharfd.docker("cp", "box:/d", "-").out)
    # Through stdin, with a compressed archive too.
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(tmp_path / "tree/below", "piped")
    wharfd.docker("cp", "-", "box:/volume", input=packed.getvalue())
    assert set(members(wharfd.docker("cp", "box:/volume/piped", "-").out)) == {"piped", "piped/link"}
    if state == "stopped":
        wharfd.docker("start", "box")
    elif state == "paused":
        wharfd.docker("unpause", "box")
    # The container itself has it, and nothing but the volume.
    assert wharfd.docker("exec", "box", "ls", "/volume/new").text.split() == ["below", "file"]


def test_before_the_first_start(wharfd: Wharfd, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("early")
    wharfd.docker("create", "--name", "box", "-v", "/deep/volume", "busybox", "cat", "/deep/volume/file")
    wharfd.docker("cp", str(tmp_path / "file"), "box:/deep/volume/")
    assert wharfd.docker("start", "-a", "box").out == b"early"


def test_owners_when_asked_for(wharfd: Wharfd, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    wharfd.docker("run", "-d", "--name", "box", "--user", "alice", "busybox", "sleep", "600")
    wharfd.docker("cp", "-a", str(tmp_path / "file"), "box:/tmp/")
    assert wharfd.docker("exec", "box", "stat", "-c", "%u:%g", "/tmp/file").text == "1000:1000"


def test_a_mounted_file_is_written_in_place(wharfd: Wharfd, box: str, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 ours\n")
    wharfd.docker("cp", str(tmp_path / "hosts"), "box:/etc/hosts")
    assert wharfd.docker("exec", "box", "cat", "/etc/hosts").text == "127.0.0.1 ours"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("box:/missing", "-"), "Could not find the file /missing in container box"),
        (("FILE", "box:/missing/x"), "Could not find the file /missing in container box"),
        (("FILE", "box:/missing/"), "no such directory"),
        (("DIRECTORY", "box:/etc/passwd"), "cannot copy directory"),
        (("-", "box:/etc/passwd"), 'destination "box:/etc/passwd" must be a directory'),
        (("missing:/x", "-"), "No such container: missing"),
        (("CLASH/file", "box:/d"), 'cannot overwrite non-directory "/d/file" with directory "/d"'),
    ],
)
def test_what_cannot_be_copied(
    wharfd: Wharfd, box: str, tmp_path: Path, arguments: tuple[str, str], words: str
) -> None:
    (tmp_path / "FILE").touch()
    (tmp_path / "DIRECTORY").mkdir()
    (tmp_path / "CLASH/file").mkdir(parents=True)
    source, target = arguments
    if source.isupper() or source.startswith("CLASH"):
        source = str(tmp_path / source)
    for run in (wharfd.docker, wharfd.wharf):
        ran = run("cp", source, target, check=False)
        assert ran.code == 1 and words in ran.error


def test_answers_of_put(wharfd: Wharfd, box: str, tmp_path: Path) -> None:
    empty = bytes(1024)
    for path, status, words in (
        ("/etc/passwd", 400, "extraction point is not a directory"),
        ("/missing", 404, "Could not find the file /missing in container box"),
        ("", 400, "path cannot be empty"),
    ):
        answer = wharfd.request("PUT", f"{API}/containers/box/archive?path={path}", empty)
        assert (answer.status, answer.message.endswith(words)) == (status, True), answer.message
    wharfd.docker("run", "-d", "--name", "fixed", "--read-only", "-v", f"{tmp_path}:/ro:ro", "busybox", "sleep", "600")
    for path, words in (
        ("/etc", "container rootfs is marked read-only"),
        ("/ro", "mounted volume is marked read-only"),
    ):
        answer = wharfd.request("PUT", f"{API}/containers/fixed/archive?path={path}", empty)
        assert (answer.status, answer.message) == (403, words)


def test_a_container_cannot_lead_a_copy_to_the_host(wharfd: Wharfd, tmp_path: Path) -> None:
    """It swaps a directory and a link to a place of the host's while files are copied."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("the host's secret")
    (tmp_path / "secret").write_text("theirs")
    turn = f"mv /x/d /x/e; ln -s {outside} /x/d; rm /x/d; mv /x/e /x/d"
    swap = f"mkdir -p /x/d; echo own >/x/d/secret; while :; do {turn}; done"
    wharfd.docker("run", "-d", "--name", "hostile", "busybox", "sh", "-c", swap)
    for _ in range(12):
        assert b"the host's secret" not in wharfd.docker("cp", "hostile:/x/d/secret", "-", check=False).out
        wharfd.docker("cp", str(tmp_path / "secret"), "hostile:/x/d/", check=False)
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("secret", "the host's secret")]


def test_a_client_that_leaves_stops_the_work(wharfd: Wharfd, box: str) -> None:
    wharfd.docker("exec", "box", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=60")
    wharfd.docker("kill", "box")
    with wharfd.connect() as sock:
        sock.sendall(f"GET {API}/containers/box/archive?path=/big HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    # A container that does not run is held only as long as somebody works on it.
    wharfd.docker("start", "box")
    wait_until(lambda: not any("view_child" in command for _, command in wharfd.processes()), "the child is gone")


def test_export_and_diff(wharfd: Wharfd, box: str, tmp_path: Path) -> None:
    exported = members(wharfd.docker("export", "box").out)
    assert {"d/file", "etc/new", "bin/busybox"} <= set(exported) and "etc/group" not in exported
    assert not any(name.startswith(("proc/", "sys/", "dev/")) for name in exported)
    changes = wharfd.docker("diff", "box").text.splitlines()
    assert changes == wharfd.wharf("diff", "box").text.splitlines()
    assert set(changes) >= {"A /d", "A /d/file", "A /link", "C /etc", "D /etc/group", "A /etc/new"}
    assert not [line for line in changes if line[2:] in ("/proc", "/sys", "/dev", "/etc/hosts", "/etc/resolv.conf")]
    wharfd.docker("create", "--name", "fresh", "busybox")
    assert wharfd.request("GET", f"{API}/containers/fresh/changes").body == b"null\n"


def test_commit(wharfd: Wharfd, box: str) -> None:
    id = wharfd.docker(
        *("commit", "-m", "with files", "-a", "me", "-c", "ENV X=1", "-c", 'CMD ["cat", "/d/file"]', "box", "made:1")
    ).text
    try:
        assert wharfd.state("box")["Status"] == "running"
        assert wharfd.docker("run", "--rm", "made:1").out == b"hello\n"
        ran = wharfd.docker("run", "--rm", "made:1", "sh", "-c", "echo $X; ls /etc/group; ls /etc/new", check=False)
        assert ran.text.split() == ["1", "/etc/new"]
        [image] = json.loads(wharfd.docker("inspect", "made:1").out)
        assert (image["Id"], image["Comment"], image["Author"]) == (id, "with files", "me")
        history = wharfd.docker("history", "--format", "{{.Comment}}", "made:1").text.splitlines()
        assert history[0] == "with files"
        # It can leave the machine and come back.
        archive = wharfd.docker("save", "made:1").out
        wharfd.docker("rmi", "made:1")
        wharfd.docker("load", input=archive)
        assert wharfd.docker("run", "--rm", "made:1").out == b"hello\n"
        assert wharfd.docker("commit", "box", "Upper", check=False).code == 1
    finally:
        wharfd.docker("rmi", "-f", "made:1", check=False)


def test_commit_of_nothing(wharfd: Wharfd) -> None:
    wharfd.docker("run", "--name", "same", "busybox", "true")
    try:
        wharfd.docker("commit", "same", "same:1")
        one, other = (json.loads(wharfd.docker("inspect", name).out)[0]["RootFS"] for name in ("busybox", "same:1"))
        assert one == other
    finally:
        wharfd.docker("rmi", "-f", "same:1", check=False)


def test_stats(wharfd: Wharfd) -> None:
    spin = "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; while :; do :; done"
    wharfd.docker("run", "-d", "--name", "busy", "--cpus", "0.1", "--memory", "64m", "busybox", "sh", "-c", spin)

    def stats() -> Any:
        return wharfd.request("GET", f"{API}/containers/busy/stats?stream=0&one-shot=1").json

    def spins() -> bool:
        now = stats()
        throttled = now["cpu_stats"]["throttling_data"]["throttled_periods"]
        return bool(now["pids_stats"]["current"] == 1 and throttled > 0)

    wait_until(spins, "it holds its memory, and uses the processor as much as it may")
    for run in (wharfd.docker, wharfd.wharf):
        line = run("stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}", "busy").text
        name, cpu, used, _, limit, pids = line.split()
        assert (name, limit, pids) == ("busy", "64MiB", "1")
        assert 3 < float(cpu.rstrip("%")) < 30  # which a busy machine leaves to it, too
        assert 19 < float(used.removesuffix("MiB")) < 40
    answer = stats()
    assert answer["networks"]["eth0"]["rx_bytes"] >= 0 and answer["preread"].startswith("0001")
    wharfd.docker("kill", "busy")
    stopped = wharfd.request("GET", f"{API}/containers/busy/stats?stream=0").json
    assert (stopped["memory_stats"], stopped["cpu_stats"]["cpu_usage"]["total_usage"]) == ({}, 0)


def test_update(wharfd: Wharfd, box: str) -> None:
    wharfd.docker("update", "--memory", "64m", "--memory-swap", "128m", "--pids-limit", "50", "--cpus", "0.5", "box")
    wharfd.wharf("update", "--restart", "on-failure:3", "--cpu-shares", "512", "box")
    found = json.loads(wharfd.docker("inspect", "box").out)[0]["HostConfig"]
    assert (found["Memory"], found["MemorySwap"], found["PidsLimit"]) == (64 << 20, 128 << 20, 50)
    assert (found["NanoCpus"], found["CpuShares"]) == (500_000_000, 512)
    assert found["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    stats = wharfd.request("GET", f"{API}/containers/box/stats?stream=0&one-shot=1").json
    assert (stats["memory_stats"]["limit"], stats["pids_stats"]["limit"]) == (64 << 20, 50)
    for arguments, words in (
        (("--memory", "1m"), "Minimum memory limit allowed is 6MB"),
        (("--memory", "256m"), "update the memoryswap at the same time"),
        (("--cpu-period", "50000"), "CPU Period cannot be updated as NanoCPUs has already been set"),
        (("--restart", "sometimes"), "invalid restart policy"),
    ):
        ran = wharfd.docker("update", *arguments, "box", check=False)
        assert ran.code == 1 and words in ran.error, ran.error
    assert stats["memory_stats"]["limit"] == 64 << 20
