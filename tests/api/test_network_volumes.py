"""Volumes that another machine has: NFS, from the server of this kernel, and SMB, from Samba.

Most kernels have no server of the one, and no client of the other: see tests/vm.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.engine import API, PATIENCE, missing, program, wait_until
from harness.wharfd import Wharfd


def has_module(name: str) -> bool:
    modprobe = program("modprobe")
    return modprobe is not None and subprocess.run([modprobe, "-q", name], check=False).returncode == 0


nfs = pytest.mark.skipif(
    bool(missing(["exportfs", "rpc.nfsd", "rpc.mountd"])) or not has_module("nfsd"),
    reason="this kernel has no NFS server",
)

smb = pytest.mark.skipif(
    bool(missing(["smbd", "smbpasswd"])) or not has_module("cifs"), reason="this kernel has no SMB client"
)


@pytest.fixture
def engine(new_wharfd: Callable[..., Wharfd]) -> Wharfd:
    return new_wharfd()


@pytest.fixture
def share(engine: Wharfd, tmp_path: Path) -> Iterator[Path]:
    """A directory that the engine's network namespace has as an NFS share."""
    place, control = tmp_path / "share", Path("/proc/fs/nfsd")
    place.mkdir()
    # Nobody has been here before: no client has to be waited for.
    Path("/var/lib/nfs/v4recovery").mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "share", place], check=True)
    engine.inside("mount", "-t", "nfsd", "nfsd", str(control))
    mountd = subprocess.Popen(engine.network.command(["rpc.mountd", "-F", "-N", "2", "-N", "3"]))
    try:
        engine.inside("exportfs", "-o", "rw,no_root_squash,insecure,fsid=0,no_subtree_check", f"127.0.0.0/8:{place}")
        engine.inside("rpc.nfsd", "-N", "3", "-G", "10", "4")
        yield place
    finally:
        engine.inside("rpc.nfsd", "0", check=False)
        engine.inside("exportfs", "-ua", check=False)
        mountd.send_signal(signal.SIGTERM)
        mountd.wait()
        subprocess.run(["umount", control], check=False)
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def smb_share(engine: Wharfd, tmp_path: Path) -> Iterator[Path]:
    """A directory that the engine's network namespace has as the share `files` of SMB, for root with a password."""
    place, own, config = tmp_path / "share", tmp_path / "samba", tmp_path / "smb.conf"
    place.mkdir()
    own.mkdir()
    kinds = ("private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir")
    ours = "".join(f"{kind} = {own}\n" for kind in kinds)
    config.write_text(
        f"[global]\n{ours}disable netbios = yes\nload printers = no\nsmb ports = 445\nlog file = {own}/log\n"
        f"[files]\npath = {place}\nread only = no\n"
    )
    password = b"secret\nsecret\n"
    subprocess.run(["smbpasswd", "-c", config, "-s", "-a", "root"], input=password, check=True, capture_output=True)
    command = engine.network.command(["smbd", "--foreground", "--no-process-group", f"--configfile={config}"])
    # All the same it ends its process group with itself.
    server = subprocess.Popen(command, start_new_session=True)
    try:
        wait_until(lambda: ":01BD " in engine.inside("cat", "/proc/net/tcp"), "the server listens")
        yield place
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def make_volume(engine: Wharfd, *more: str) -> str:
    """The share as a volume; its mountpoint. Nothing about its files is remembered, so each look asks the server."""
    options = ("-o", "type=nfs", "-o", "device=:/", "-o", f"o={','.join(('addr=127.0.0.1', 'nfsvers=4', *more))}")
    engine.docker("volume", "create", *options, "shared")
    return engine.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "shared").text


def is_mounted(mountpoint: str) -> bool:
    return f" {mountpoint} " in Path("/proc/self/mountinfo").read_text()


@nfs
def test_an_nfs_share_is_mounted_while_somebody_uses_it(engine: Wharfd, share: Path) -> None:
    mountpoint = make_volume(engine)
    assert not is_mounted(mountpoint)
    (share / "theirs").write_text("from the server")
    show = "cat /v/theirs; echo; grep ' /v ' /proc/mounts; echo ours > /v/ours"
    seen = engine.docker("run", "--rm", "-v", "shared:/v", "busybox", "sh", "-c", show).text.splitlines()
    assert seen[0] == "from the server"
    assert seen[1].split()[2] == "nfs4" and "addr=127.0.0.1" in seen[1]
    assert (share / "ours").read_text() == "ours\n"
    wait_until(lambda: not is_mounted(mountpoint), "the last user has ended")

    for name in ("one", "two"):
        engine.docker("run", "-d", "--name", name, "-v", "shared:/v", "busybox", "sleep", "600")
    engine.docker("rm", "-f", "one")
    assert is_mounted(mountpoint)
    engine.docker("exec", "two", "sh", "-c", "echo again > /v/ours")
    assert (share / "ours").read_text() == "again\n"
    refused = engine.docker("run", "--rm", "-v", "shared:/v:ro", "busybox", "touch", "/v/x", check=False)
    assert "Read-only file system" in refused.error
    engine.docker("rm", "-f", "two")
    wait_until(lambda: not is_mounted(mountpoint), "the last user has ended")
    engine.docker("volume", "rm", "shared")
    assert (share / "ours").exists()


@nfs
def test_an_empty_share_gets_what_the_image_has_there(engine: Wharfd, share: Path) -> None:
    make_volume(engine)
    engine.docker("run", "--rm", "-v", "shared:/etc", "busybox", "true")
    assert "alice" in (share / "passwd").read_text()


@nfs
def test_what_the_server_refuses_is_told(engine: Wharfd, share: Path) -> None:
    options = ("-o", "type=nfs", "-o", "device=:/nowhere", "-o", "o=addr=127.0.0.1,nfsvers=4")
    engine.docker("volume", "create", *options, "bad")
    refused = engine.docker("run", "--rm", "-v", "bad:/v", "busybox", "true", check=False)
    assert refused.code == 127  # the CLI's for each start that fails with "no such file or directory"
    assert "failed to mount local volume: mount :/nowhere:" in refused.error
    assert "data: addr=127.0.0.1,nfsvers=4: no such file or directory" in refused.error


@contextmanager
def hanging(engine: Wharfd) -> Iterator[None]:
    """The server does not answer while the block runs."""
    rules = "add table inet hang; add chain inet hang out { type filter hook output priority 0; }"
    engine.inside(
        "nft", f"{rules}; add rule inet hang out tcp dport 2049 drop; add rule inet hang out tcp sport 2049 drop"
    )
    try:
        yield
    finally:
        engine.inside("nft", "delete table inet hang")


@nfs
def test_a_server_that_hangs_delays_only_its_users(engine: Wharfd, share: Path, tmp_path: Path) -> None:
    (share / "sub").mkdir()
    mountpoint = make_volume(engine, "actimeo=0", "lookupcache=none")
    engine.docker("run", "-d", "--name", "user", "-v", "shared:/v", "busybox", "sleep", "600")
    engine.docker("volume", "create", "local")
    (tmp_path / "bound").mkdir()
    done: list[int] = []

    def bind_a_part() -> None:
        host = {"Binds": [f"{mountpoint}/sub:/x:ro"]}
        answer = engine.request(
            "POST", f"{API}/containers/create", {"Image": "busybox", "HostConfig": host}, timeout=300
        )
        done.append(answer.status)

    waiting = [threading.Thread(target=bind_a_part) for _ in range(40)]  # more than any pool of threads has
    with hanging(engine):
        for thread in waiting:
            thread.start()
        users = [
            engine.docker_process("run", "--rm", "-v", "shared:/v", "busybox", "true"),
            engine.docker_process("run", "--rm", "-v", f"{mountpoint}:/x:ro", "busybox", "true"),
            engine.docker_process("run", "--rm", "-v", f"{mountpoint}:/x:rshared", "busybox", "true"),
        ]
        time.sleep(1)
        for mount in ("local:/v", f"{tmp_path}/bound:/v", f"{tmp_path}/bound:/v:ro", f"{tmp_path}/made:/v"):
            engine.docker("run", "--rm", "-v", mount, "busybox", "ls", "/v", timeout=30)
        engine.docker("volume", "ls", timeout=10)
        engine.docker("system", "df", "-v", timeout=20)
        engine.docker("ps", timeout=10)
        engine.docker("volume", "rm", "local", timeout=20)
        assert not done
    for thread in waiting:
        thread.join(timeout=120 * PATIENCE)
    assert done == [201] * len(waiting)
    for process in users:
        process.communicate(timeout=120 * PATIENCE)
    engine.docker("rm", "-f", "user", timeout=120)
    wait_until(lambda: not is_mounted(mountpoint), "the last user has ended", timeout=60)


@nfs
def test_the_engine_ends_and_comes_back_while_a_server_hangs(
    new_wharfd: Callable[..., Wharfd], request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue("engine")
    request.getfixturevalue("share")
    mountpoint = make_volume(engine, "actimeo=0")
    engine.docker("run", "-d", "--name", "user", "--restart", "always", "-v", "shared:/v", "busybox", "sleep", "600")
    with hanging(engine):
        assert engine.stop(timeout=60) == 0
        engine.start()
        engine.docker("run", "--rm", "busybox", "true", timeout=60)
    wait_until(lambda: engine.state("user")["Running"], "it runs again", timeout=120)
    engine.docker("exec", "user", "touch", "/v/file")
    engine.docker("rm", "-f", "user", timeout=120)
    wait_until(lambda: not is_mounted(mountpoint), "the last user has ended", timeout=60)


@smb
def test_an_smb_share_is_mounted_while_somebody_uses_it(engine: Wharfd, smb_share: Path) -> None:
    (smb_share / "theirs").write_text("from the server")
    for name, password in (("shared", "secret"), ("refused", "guessed")):
        options = ("-o", "type=cifs", "-o", "device=//127.0.0.1/files", "-o", f"o=username=root,password={password}")
        engine.docker("volume", "create", *options, name)
    mountpoint = engine.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "shared").text
    show = "cat /v/theirs; echo; grep ' /v ' /proc/mounts; echo ours > /v/ours"
    seen = engine.docker("run", "--rm", "-v", "shared:/v", "busybox", "sh", "-c", show).text.splitlines()
    assert seen[0] == "from the server"
    assert seen[1].split()[2] == "cifs" and "addr=127.0.0.1" in seen[1]
    assert (smb_share / "ours").read_text() == "ours\n"
    wait_until(lambda: not is_mounted(mountpoint), "the last user has ended")
    refused = engine.docker("run", "--rm", "-v", "refused:/v", "busybox", "true", check=False)
    assert "failed to mount local volume: mount //127.0.0.1/files:" in refused.error
    assert "permission denied" in refused.error and "guessed" not in refused.error
