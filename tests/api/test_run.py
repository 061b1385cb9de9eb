"""docker run and its relatives, with the real docker CLI."""

import hashlib
import os
import pty
import re
import select
import time

import pytest

from harness.engine import wait_until
from harness.wharfd import Wharfd


def test_output_of_both_streams(wharfd: Wharfd) -> None:
    ran = wharfd.docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (ran.out, ran.err) == (b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["busybox", "true"], 0),
        (["busybox", "sh", "-c", "exit 3"], 3),
        (["--init=false", "busybox", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137),
        (["busybox", "sh", "-c", "kill -TERM $$; sleep 1"], 0),  # pid 1 ignores what it does not handle
        (["busybox", "/etc/not-executable"], 126),
        (["busybox", "/etc"], 126),
        (["busybox", "no-such-program"], 127),
        (["busybox", "/no/such/program"], 127),
        (["--user", "nobody-of-this-name", "busybox", "true"], 125),
        (["--memory", "1k", "busybox", "true"], 125),
        (["no-such-image.invalid/x", "true"], 125),
    ],
)
def test_exit_codes(wharfd: Wharfd, arguments: list[str], code: int) -> None:
    assert wharfd.docker("run", "--rm", *arguments, check=False).code == code
    assert wharfd.docker("ps", "-aq").text == ""


def test_detached(wharfd: Wharfd) -> None:
    id = wharfd.docker("run", "-d", "--name", "background", "busybox", "sleep", "600").text
    assert re.fullmatch(r"[0-9a-f]{64}", id)
    assert wharfd.docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}").text == f"{id} background"
    assert wharfd.state(id)["Pid"] > 1


def test_a_binary_stream_through_cat_comes_back_identical(wharfd: Wharfd) -> None:
    """64 MB in, 64 MB out, at the same time: much more than is held anywhere on the way."""
    data = os.urandom(1 << 20) * 64
    ran = wharfd.docker("run", "-i", "--rm", "busybox", "cat", input=data)
    assert hashlib.sha256(ran.out).hexdigest() == hashlib.sha256(data).hexdigest()


def _read_until(fd: int, wanted: bytes, timeout: float = 60) -> bytes:
    seen, end = b"", time.monotonic() + timeout
    while wanted not in seen:
        assert time.monotonic() < end, f"no {wanted!r} in {seen!r}"
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:  # the other side of the terminal is closed
                break
    return seen


def test_interactive_in_a_terminal(wharfd: Wharfd) -> None:
    ours, theirs = pty.openpty()
    process = wharfd.docker_process(
        "run", "-it", "--rm", "busybox", "sh", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        _read_until(ours, b"# ")
        os.write(ours, b"test -t 0 && echo ter''minal $(tty)\n")
        assert b"/dev/pts/0" in _read_until(ours, b"terminal /dev/pts/0")
        os.write(ours, b"exit 7\n")
        _read_until(ours, b"a text that never comes")
        assert process.wait(60) == 7
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_detach_keys_leave_the_container_running(wharfd: Wharfd) -> None:
    ours, theirs = pty.openpty()
    process = wharfd.docker_process(
        "run",
        "-it",
        "--name",
        "left",
        "busybox",
        "sh",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        _read_until(ours, b"# ")
        os.write(ours, b"\x10\x11")
        assert process.wait(60) == 0
        assert wharfd.state("left")["Running"]
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_environment_user_directory_hostname(wharfd: Wharfd) -> None:
    script = 'echo "$COLOUR $(id -un):$(id -g) $(id -G) $(pwd) $(hostname)"'
    options = ["-e", "COLOUR=blue", "-u", "alice", "--group-add", "extra", "-w", "/var/made", "-h", "boat"]
    ran = wharfd.docker("run", "--rm", *options, "busybox", "sh", "-c", script)
    assert ran.text == "blue alice:1000 1000 2000 /var/made boat"


def test_entrypoint_and_command(wharfd: Wharfd) -> None:
    assert wharfd.docker("run", "--rm", "--entrypoint", "echo", "busybox", "a", "b").text == "a b"


def test_files_that_name_the_host(wharfd: Wharfd) -> None:
    script = "cat /etc/hosts; cat /etc/hostname; grep -c nameserver /etc/resolv.conf"
    text = wharfd.docker("run", "--rm", "-h", "boat", "--add-host", "far:10.9.8.7", "busybox", "sh", "-c", script).text
    assert "10.9.8.7\tfar" in text
    assert re.search(r"^172\.\d+\.\d+\.\d+\tboat$", text, re.MULTILINE)
    assert "\nboat\n" in text


def test_isolation(wharfd: Wharfd) -> None:
    script = (
        "grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; echo $$; ls /proc | grep -c '^[0-9]';"
        "(echo x > /proc/sys/kernel/hostname) 2>/dev/null || echo read-only; cat /proc/kcore | wc -c;"
        "mount -t tmpfs none /tmp 2>/dev/null || echo no-mount; unshare -U true 2>/dev/null || echo no-userns"
    )
    lines = wharfd.docker("run", "--rm", "busybox", "sh", "-c", script).text.splitlines()
    assert lines[0].split()[1].lstrip("0") == "a80425fb"
    assert lines[1].split()[1] == "2"
    assert lines[2] == "1"
    assert int(lines[3]) < 5
    assert lines[4:] == ["read-only", "0", "no-mount", "no-userns"]


def test_privileged(wharfd: Wharfd) -> None:
    script = "mount -t tmpfs none /tmp && echo mounted; grep Seccomp: /proc/self/status"
    lines = wharfd.docker("run", "--rm", "--privileged", "busybox", "sh", "-c", script).text.splitlines()
    assert lines[0] == "mounted"
    assert lines[1].split()[1] == "0"


def test_limits(wharfd: Wharfd) -> None:
    script = (
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null;"
        "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; ulimit -n"
    )
    options = ["--memory", "32m", "--pids-limit", "77", "--ulimit", "nofile=123:456"]
    lines = wharfd.docker("run", "--rm", *options, "busybox", "sh", "-c", script).text.splitlines()
    assert lines == [str(32 * 2**20), "77", "123"]


def test_out_of_memory_is_told(wharfd: Wharfd) -> None:
    eat = "a=x; while true; do a=$a$a; done"
    ran = wharfd.docker("run", "--name", "eater", "--memory", "16m", "busybox", "sh", "-c", eat, check=False)
    assert ran.code == 137
    assert wharfd.state("eater")["OOMKilled"]


def test_volumes_and_binds(wharfd: Wharfd) -> None:
    host = wharfd.root / "shared"
    host.mkdir()
    (host / "file").write_text("from the host")
    wharfd.docker("run", "--rm", "-v", f"{host}:/data", "busybox", "sh", "-c", "cat /data/file > /data/copy")
    assert (host / "copy").read_text() == "from the host"
    refused = wharfd.docker("run", "--rm", "-v", f"{host}:/data:ro", "busybox", "touch", "/data/x", check=False)
    assert "Read-only file system" in refused.error
    wharfd.docker("run", "--rm", "-v", "kept:/data", "busybox", "sh", "-c", "echo kept > /data/file")
    assert wharfd.docker("run", "--rm", "-v", "kept:/data", "busybox", "cat", "/data/file").text == "kept"
    wharfd.docker("volume", "rm", "kept")


def test_an_init_reaps_orphans(wharfd: Wharfd) -> None:
    ran = wharfd.docker("run", "--rm", "--init", "busybox", "cat", "/proc/1/comm", check=False)
    if "docker-init" in ran.error and "not found" in ran.error:
        pytest.skip("no init program is installed (docker-init, tini or catatonit)")
    assert ran.text != "cat"


def test_other_users_reach_what_is_mounted_where_the_image_has_nothing(wharfd: Wharfd) -> None:
    arguments = ["--user", "1000", "-v", "/usr/share:/made/for/mount:ro", "--init"]
    ran = wharfd.docker("run", "--rm", *arguments, "busybox", "ls", "-d", "/made/for/mount/.")
    assert ran.text == "/made/for/mount/."


def test_read_only_root(wharfd: Wharfd) -> None:
    ran = wharfd.docker(
        "run", "--rm", "--read-only", "--tmpfs", "/run", "busybox", "sh", "-c", "touch /run/a && touch /a", check=False
    )
    assert "touch: /a: Read-only file system" in ran.error


def test_other_runtimes(wharfd: Wharfd) -> None:
    assert wharfd.docker("run", "--rm", "--runtime", "runc", "busybox", "echo", "by runc").text == "by runc"
    refused = wharfd.docker("run", "--rm", "--runtime", "none-such", "busybox", "true", check=False)
    assert refused.code == 125
    assert "unknown or invalid runtime name: none-such" in refused.error


def test_cidfile_and_auto_removal(wharfd: Wharfd) -> None:
    file = wharfd.root / "cid"
    wharfd.docker("run", "--rm", "--cidfile", str(file), "busybox", "true")
    wait_until(lambda: wharfd.docker("ps", "-aq").text == "", "--rm has removed it")
    assert len(file.read_text()) == 64
