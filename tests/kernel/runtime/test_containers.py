"""Containers by crun and runc, from their start to their end."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from harness.engine import wait_until
from kernel.runtime.conftest import Box, attached
from wharf.errors import EngineError, InvalidArgument, Unavailable
from wharf.linux import cgroups, pidfd
from wharf.linux.listener import Listener
from wharf.linux.seccomp import compile_profile
from wharf.runtime import records
from wharf.runtime.bundle import DEFAULT_CAPABILITIES, DEFAULT_PATH, Resources, made_privileged
from wharf.runtime.contract import ExitStatus, Launch, Log, LogFile
from wharf.runtime.failure import CommandNotRunnable, RuntimeFailed
from wharf.runtime.monitor import ShimMonitor, ShimMonitors
from wharf.runtime.seccomp_profile import default_profile

pytestmark = pytest.mark.kernel
both = pytest.mark.parametrize("runtime", ["crun", "runc"])
Run = Callable[..., tuple[ExitStatus, bytes]]


def frame(stream: int, data: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def with_monitors(work: Callable[[ShimMonitors], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        monitors = ShimMonitors()
        try:
            await work(monitors)
        finally:
            await monitors.close()

    asyncio.run(asyncio.wait_for(whole(), 90))


async def finished(monitors: ShimMonitors, launch: Launch) -> tuple[ShimMonitor, ExitStatus]:
    monitor = await monitors.create(launch)
    await monitor.run()
    return monitor, await monitor.wait()


@both
def test_output_of_both_streams_and_the_exit_code_arrive(run_container: Run, runtime: str) -> None:
    status, output = run_container("sh", "-c", "echo out; sleep 0.1; echo err >&2; exit 3", runtime=runtime)
    assert (status.code, status.oom_killed, status.error) == (3, False, "")
    assert output == frame(1, b"out\n") + frame(2, b"err\n")


@both
def test_a_signal_is_an_exit_code_above_128(box: Box, runtime: str) -> None:
    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("sleep", "100", runtime=runtime)
        monitor = await monitors.create(launch)
        await monitor.run()
        await monitor.signal(signal.SIGKILL)
        assert (await monitor.wait()).code == 137
        box.assert_clean(launch)

    with_monitors(work)


@both
def test_a_terminal_has_the_size_that_was_asked_for_and_can_be_resized(box: Box, runtime: str) -> None:
    async def work(monitors: ShimMonitors) -> None:
        # The size is known before the first output: a program asks for it only once.
        command = "trap 'stty size; exit 7' WINCH; tty; stty size; while :; do sleep 0.05; done"
        launch = box.launch("sh", "-c", command, tty=True, stdin=True, console_size=(33, 111), runtime=runtime)
        monitor = await monitors.create(launch)
        stream = await monitor.attach(stdin=True, stdout=True, stderr=True)
        await monitor.run()
        data = b""
        while b"\r\n" not in data.partition(b"/dev/")[2].partition(b"\n")[2]:
            data += await stream.read()
        await monitor.resize(40, 80)
        while more := await stream.read():
            data += more
        assert data.split() == [b"/dev/pts/0", b"33", b"111", b"40", b"80"]
        assert (await monitor.wait()).code == 7
        box.assert_clean(launch)

    with_monitors(work)


@both
def test_stdin_comes_back_identical_through_cat(box: Box, runtime: str) -> None:
    sent = os.urandom(1 << 20) * 32

    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("cat", stdin=True, stdin_once=True, log=Log(), runtime=runtime)
        monitor = await monitors.create(launch)
        stream = await monitor.attach(stdin=True, stdout=True, stderr=True)

        async def write() -> None:
            for start in range(0, len(sent), 300_000):
                await stream.write(sent[start : start + 300_000])
            await stream.end_stdin()

        writing = asyncio.create_task(write())
        await monitor.run()
        framed = bytearray()
        while data := await stream.read():
            framed += data
        await writing
        assert (await monitor.wait()).code == 0
        assert unframed(bytes(framed)) == sent
        box.assert_clean(launch)

    with_monitors(work)


def unframed(data: bytes) -> bytes:
    found, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "big")
        found.append(data[position + 8 : position + 8 + size])
        position += 8 + size
    return b"".join(found)


def test_stdin_stays_open_without_an_attachment(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(box.launch("cat", stdin=True, stdin_once=True))
        await monitor.run()
        await asyncio.sleep(0.2)
        stream = await monitor.attach(stdin=True, stdout=True, stderr=False)
        await stream.write(b"late\n")
        assert await stream.read() == frame(1, b"late\n")
        stream.close()
        assert (await monitor.wait()).code == 0

    with_monitors(work)


def test_several_clients_see_the_same_and_a_dead_one_does_not_matter(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(box.launch("head", "-c", "5000000", "/dev/zero"))
        streams = [await monitor.attach(stdin=False, stdout=True, stderr=True) for _ in range(3)]
        await monitor.run()
        streams[0].close()

        async def drain(index: int) -> int:
            size = 0
            while data := await streams[index].read():
                size += len(data)
            return size

        one, other = await asyncio.gather(drain(1), drain(2))
        assert one == other > 5_000_000
        assert (await monitor.wait()).code == 0

    with_monitors(work)


def test_a_slow_client_holds_back_the_container_and_loses_nothing(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("head", "-c", "20000000", "/dev/zero", log=Log())
        monitor = await monitors.create(launch)
        stream = await monitor.attach(stdin=False, stdout=True, stderr=True)
        await monitor.run()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(monitor.wait(), 0.7)
        data = bytearray()
        while more := await stream.read():
            data += more
        assert len(unframed(bytes(data))) == 20_000_000
        assert (await monitor.wait()).code == 0

    with_monitors(work)


@both
@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("nosuch", 127, "executable file not found in $PATH"),
        ("/no/such", 127, "no such file or directory"),
        ("/etc", 126, "permission denied"),
        ("/notes", 126, "permission denied"),
    ],
)
def test_a_command_that_cannot_run_is_told_and_leaves_nothing(
    box: Box, runtime: str, command: str, code: int, words: str
) -> None:
    (box.lower / "notes").write_text("no program")

    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch(command, runtime=runtime)
        monitor = await monitors.create(launch)
        with pytest.raises(CommandNotRunnable) as caught:
            await monitor.run()
        assert caught.value.exit_code == code
        assert words in str(caught.value)
        assert isinstance(caught.value, InvalidArgument)
        assert monitor.network is None
        monitor.close()
        box.assert_clean(launch)
        assert await monitors.reopen(launch.id, launch.bundle) is None

    with_monitors(work)


@both
@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("/private", 126, 'exec: "/private": permission denied'),
        ("/uninterpreted", 127, 'exec: "/uninterpreted": no such file or directory'),
        ("/garbage", 126, 'exec: "/garbage": exec format error'),
    ],
)
def test_a_program_that_the_kernel_refuses_fails_the_start_and_not_in_the_log(
    box: Box, runtime: str, tty: bool, command: str, code: int, words: str
) -> None:
    """Which the runtimes learn after they have ended, or see with other eyes than the container's user."""
    for name, text, mode in (
        ("private", "#!/bin/sh", 0o700),
        ("uninterpreted", "#!/none", 0o755),
        ("garbage", "?", 0o755),
    ):
        (box.lower / name).write_text(f"{text}\n")
        (box.lower / name).chmod(mode)

    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch(command, runtime=runtime, tty=tty, spec={"uid": 1000})
        monitor = await monitors.create(launch)
        output = await attached(monitor)
        with pytest.raises(CommandNotRunnable, match=re.escape(words)) as caught:
            await monitor.run()
        assert caught.value.exit_code == code
        assert await output == b""
        assert launch.log.file is not None and launch.log.file.path.read_bytes() == b""
        monitor.close()
        box.assert_clean(launch)

    with_monitors(work)


@both
def test_what_is_too_long_is_said_to_be(box: Box, runtime: str) -> None:
    long = "x" * (1 << 20)

    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("echo", long, runtime=runtime)
        monitor = await monitors.create(launch)
        with pytest.raises(CommandNotRunnable, match='echo": argument list too long'):
            await monitor.run()
        monitor.close()
        launch = box.launch("true", spec={"env": (DEFAULT_PATH, f"A={long}")}, runtime=runtime)
        monitor = await monitors.create(launch)
        with pytest.raises(CommandNotRunnable, match='true": argument list too long'):
            await monitor.run()
        monitor.close()
        _, status = await finished(monitors, box.launch("true", *["x" * 1000] * 1000, runtime=runtime))
        assert status.code == 0
        with pytest.raises(InvalidArgument, match="log options add to each line are too long"):
            await monitors.create(box.launch("true", log=Log(LogFile(box.path / "log", attributes={"a": long}))))

    with_monitors(work)


def test_a_program_that_ends_at_once_has_been_started(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        for _ in range(10):
            _, status = await finished(monitors, box.launch("true"))
            assert (status.code, status.error) == (0, "")

    with_monitors(work)


def test_a_root_that_cannot_be_mounted_is_told(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("true")
        (box.path / "data" / launch.id / "upper").rmdir()
        monitor = await monitors.create(launch)
        with pytest.raises(RuntimeFailed):
            await monitor.run()
        monitor.close()

    with_monitors(work)


def test_a_runtime_that_is_not_there_is_unavailable(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        with pytest.raises(Unavailable):
            await monitors.create(box.launch("true", runtime="/opt/no/such/runtime"))
        with pytest.raises(InvalidArgument, match="unknown or invalid runtime name: nosuch"):
            await monitors.create(box.launch("true", runtime="nosuch"))

    with_monitors(work)


def test_the_log_is_whole(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("sh", "-c", 'printf "a\\"b\\n\\001\\n"; printf "<&>" >&2')
        await finished(monitors, launch)
        assert launch.log.file is not None
        entries = [json.loads(line) for line in launch.log.file.path.read_text().splitlines()]
        found = {(entry["stream"], entry["log"]) for entry in entries}
        assert found == {("stdout", 'a"b\n'), ("stdout", "\x01\n"), ("stderr", "<&>")}

    with_monitors(work)


def test_pause_stops_all_processes_until_resume(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        command = "while :; do echo tick; sleep 0.01; done"
        monitor = await monitors.create(box.launch("sh", "-c", command))
        stream = await monitor.attach(stdin=False, stdout=True, stderr=True)
        await monitor.run()
        await stream.read()
        assert monitor.pid in await monitor.processes()
        await monitor.pause()
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            while True:
                await asyncio.wait_for(stream.read(), 0.3)
        await monitor.resume()
        assert await asyncio.wait_for(stream.read(), 60)
        await monitor.pause()
        await monitor.signal(signal.SIGKILL)
        await monitor.resume()
        assert (await monitor.wait()).code == 137

    with_monitors(work)


@both
def test_out_of_memory_is_noticed(box: Box, runtime: str) -> None:
    async def work(monitors: ShimMonitors) -> None:
        limited = {"resources": Resources(memory=8 << 20, memory_swap=8 << 20)}
        launch = box.launch("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1", spec=limited, runtime=runtime)
        _, status = await finished(monitors, launch)
        assert (status.code, status.oom_killed) == (137, True)
        box.assert_clean(launch)

    with_monitors(work)


@both
def test_processes_of_a_container_without_its_own_pid_namespace_end_with_it(box: Box, runtime: str) -> None:
    from wharf.runtime.bundle import HOST, Namespaces

    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch(
            "sh", "-c", "sleep 1000 & exit 5", spec={"namespaces": Namespaces(pid=HOST)}, runtime=runtime
        )
        _, status = await finished(monitors, launch)
        assert status.code == 5
        box.assert_clean(launch)

    with_monitors(work)


def test_the_seccomp_filter_is_in_force_as_bpf_and_as_json(run_container: Run) -> None:
    profile = default_profile(frozenset(DEFAULT_CAPABILITIES))
    command = ("sh", "-c", "grep -E 'Seccomp:|CapEff' /proc/self/status; unshare -U true || echo refused")
    forms: list[dict[str, Any]] = [
        {"runtime": "crun", "spec": {"seccomp_bpf": compile_profile(profile)}},
        {"runtime": "crun", "spec": {"seccomp": profile}},
        {"runtime": "runc", "spec": {"seccomp": profile}},
    ]
    for form in forms:
        _, output = run_container(*command, **form)
        assert b"Seccomp:\t2" in output
        assert b"CapEff:\t00000000a80425fb" in output
        assert b"refused" in output


@both
def test_a_privileged_container_has_the_hosts_rights(box: Box, runtime: str) -> None:
    from wharf.runtime import host, records
    from wharf.runtime.bundle import BundleSpec, HostFacts
    from wharf.runtime.config_json import config_json

    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("x", runtime=runtime)
        spec = BundleSpec(
            args=("sh", "-c", "mount -t tmpfs none /tmp && touch /sys/fs/x 2>&1; ls /dev/kmsg"),
            cgroups_path=launch.cgroups_path,
        )
        facts = HostFacts(host.facts().capabilities, {}, host.devices())
        (launch.bundle / records.CONFIG).write_bytes(config_json(made_privileged(spec, facts)))
        launch.bundle.joinpath("x").touch()
        monitor = await monitors.create(launch)
        output = await attached(monitor)
        await monitor.run()
        await monitor.wait()
        text = (await output).decode()
        assert "/dev/kmsg" in text
        assert "Read-only" not in text

    with_monitors(work)


@both
def test_a_container_outlives_its_daemon_and_is_found_again(box: Box, runtime: str) -> None:
    launch = box.launch("sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.02; done; echo done; exit 9", runtime=runtime)

    async def first(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(launch)
        await monitor.run()
        monitor.close()

    async def second(monitors: ShimMonitors) -> None:
        monitor = await monitors.reopen(launch.id, launch.bundle)
        assert isinstance(monitor, ShimMonitor)
        assert monitor.started is not None
        await monitor.found()
        output = await attached(monitor)
        (box.path / "data" / launch.id / "upper/tmp").mkdir(exist_ok=True)
        await asyncio.to_thread(os.system, f"touch /proc/{monitor.pid}/root/tmp/go")
        status = await monitor.wait()
        assert status.code == 9
        assert await output == frame(1, b"done\n")
        assert await monitors.reopen(launch.id, launch.bundle) == status
        box.assert_clean(launch)

    with_monitors(first)
    with_monitors(second)


def test_an_end_that_nobody_saw_is_in_the_record(box: Box) -> None:
    launch = box.launch("sh", "-c", "sleep 0.3; exit 6")

    async def first(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(launch)
        await monitor.run()
        monitor.close()

    async def second(monitors: ShimMonitors) -> None:
        wait_until((launch.bundle / records.EXIT).exists, "it has ended")
        status = await monitors.reopen(launch.id, launch.bundle)
        assert isinstance(status, ExitStatus)
        assert status.code == 6
        await monitors.remove(launch.bundle)
        assert not launch.bundle.exists()

    with_monitors(first)
    with_monitors(second)


def test_a_shim_that_has_told_of_the_end_is_left_to_its_clients(box: Box) -> None:
    """It ended after a daemon had looked for the records of its start and its end, and before it asked."""
    launch = box.launch("head", "-c", "3000000", "/dev/zero", log=Log())

    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(launch)
        stream = await monitor.attach(stdin=False, stdout=True, stderr=True)
        await monitor.run()
        data = bytearray()
        while len(data) < 2_000_000:
            data += await stream.read()
        status = await monitor.wait()
        for name in (records.STARTED, records.EXIT):
            (launch.bundle / name).unlink()
        assert await monitors.reopen(launch.id, launch.bundle) == status
        while more := await stream.read():
            data += more
        assert len(unframed(bytes(data))) == 3_000_000

    with_monitors(work)


def test_a_shim_that_waits_for_a_start_goes_with_its_daemon(box: Box) -> None:
    launch = box.launch("true")

    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(launch)
        monitor.close()
        box.wait_for_shims()
        box.assert_clean(launch)
        assert await monitors.reopen(launch.id, launch.bundle) is None

    with_monitors(work)


@pytest.mark.parametrize("seen", [True, False])
def test_a_container_does_not_outlive_its_shim(box: Box, seen: bool) -> None:
    launch = box.launch("sleep", "1000")

    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(launch)
        await monitor.run()
        init, shim = os.pidfd_open(monitor.pid), os.pidfd_open(monitor.shim_pid)
        if not seen:
            monitor.close()
        pidfd.send(shim, signal.SIGKILL)
        if seen:
            status = await monitor.wait()
        else:
            assert await asyncio.to_thread(pidfd.has_ended, shim, 30)
            found = await monitors.reopen(launch.id, launch.bundle)
            assert isinstance(found, ExitStatus)
            status = found
        assert (status.code, status.error) == (137, "the container's shim died")
        assert await asyncio.to_thread(pidfd.has_ended, init, 30)
        for fd in (init, shim):
            os.close(fd)
        box.assert_clean(launch)

    with_monitors(work)


def test_a_shim_that_accepts_but_never_answers_is_not_waited_for(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wharf.runtime.monitor.ANSWER_LIMIT", 0.2)
    launch = box.launch("sleep", "1000")

    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(launch)
        await monitor.run()
        monitor.close()
        os.kill(monitor.shim_pid, signal.SIGSTOP)
        found = await monitors.reopen(launch.id, launch.bundle)
        assert isinstance(found, ShimMonitor)
        await found.found()
        status = await found.wait()
        assert (status.code, status.error) == (137, "the container's shim died")
        box.assert_clean(launch)

    with_monitors(work)


def test_another_spawner_is_started_when_one_has_died(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        first = await monitors.create(box.launch("sleep", "1000"))
        await first.run()
        os.kill(monitors._spawner.pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, monitors._spawner.pid, os.WEXITED | os.WNOWAIT)
        _, status = await finished(monitors, box.launch("sh", "-c", "exit 4"))
        assert status.code == 4
        await first.signal(signal.SIGKILL)
        assert (await first.wait()).code == 137

    with_monitors(work)


def test_many_at_once_leave_nothing(box: Box) -> None:
    launches = [box.launch("sh", "-c", f"exit {number}") for number in range(40)]

    async def work(monitors: ShimMonitors) -> None:
        async def one(launch: Launch) -> int:
            monitor, status = await finished(monitors, launch)
            monitor.close()
            await monitors.remove(launch.bundle)
            return status.code

        await one(box.launch("true"))  # makes what all share
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        codes = await asyncio.gather(*(one(launch) for launch in launches))
        assert codes == list(range(40))
        assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208
        box.assert_clean(*launches)

    with_monitors(work)


def test_the_shim_keeps_nothing_open_that_it_does_not_need(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        monitor = await monitors.create(box.launch("sleep", "100", log=Log()))
        await monitor.run()
        stream = await monitor.attach(stdin=False, stdout=True, stderr=True)
        stream.close()  # who has welcomed it has taken over from the shim's starter
        # stdio, epoll and the init's pidfd, the wake-up pipe, the container's two outputs, our connection, its socket.
        expected = ["/null"] * 3 + ["anon_inode"] * 2 + ["pipe"] * 4 + ["socket"] * 2
        wait_until(lambda: descriptors(monitor.shim_pid) == expected, "it has closed all others")
        await monitor.signal(signal.SIGKILL)
        await monitor.wait()

    with_monitors(work)


def descriptors(pid: int) -> list[str]:
    """What kinds of files a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(entry.readlink()).partition(":")[0])
    return sorted(found)


def test_published_ports_are_held_and_forwarded_while_the_container_lives(box: Box) -> None:
    """Here the target is a server of the test, as the shim cannot tell the difference."""

    async def work(monitors: ShimMonitors) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.write_eof()
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
        held = socket.create_server(("127.0.0.1", 0))
        address, busy = listening.getsockname(), held.getsockname()
        target = server.sockets[0].getsockname()
        monitor = await monitors.create(box.launch("sleep", "100"))
        await monitor.run([Listener(listening, "tcp", (target[0], target[1])), Listener(held, "tcp")])
        listening.close()
        held.close()
        reader, writer = await asyncio.open_connection(address[0], address[1])
        writer.write(b"hello" * 100_000)
        writer.write_eof()
        assert await reader.read() == b"HELLO" * 100_000
        writer.close()
        with pytest.raises(OSError):
            socket.create_server(busy)
        await monitor.signal(signal.SIGKILL)
        await monitor.wait()
        socket.create_server(busy).close()
        server.close()

    with_monitors(work)


@both
def test_nothing_is_left_below_the_cgroup_mounts(box: Box, runtime: str) -> None:
    """On hybrid hosts a runtime that does not see version 2 makes plain directories where it would be."""

    async def work(monitors: ShimMonitors) -> None:
        for _ in range(2):
            await finished(monitors, box.launch("true", runtime=runtime))
        look = "mount --make-rprivate /; umount /sys/fs/cgroup/unified 2>/dev/null; find /sys/fs/cgroup -name box*"
        found = await asyncio.create_subprocess_exec("unshare", "-m", "sh", "-c", look, stdout=asyncio.subprocess.PIPE)
        output, _ = await found.communicate()
        assert not [line for line in output.decode().splitlines() if box.cgroup in line]

    with_monitors(work)


def _slow_crun(box: Box) -> str:
    """A runtime that takes its time to tell that the container runs."""
    path = box.path / "slow-crun"
    path.write_text('#!/bin/sh\ncrun "$@" || exit\ncase "$*" in *" run "*) exec sleep 1000;; esac\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("cut", ["the shim is killed", "the caller goes"])
def test_a_start_that_is_cut_off_leaves_no_container_running(box: Box, cut: str) -> None:
    async def work(monitors: ShimMonitors) -> None:
        launch = box.launch("sleep", "1000", runtime=_slow_crun(box))
        monitor = await monitors.create(launch)
        starting = asyncio.create_task(monitor.run())
        while not cgroups.processes(launch.cgroups_path):  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(0.01)
        if cut == "the shim is killed":
            os.kill(monitor.shim_pid, signal.SIGKILL)
            with pytest.raises(EngineError, match="shim died"):
                await starting
        else:
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
        monitor.close()
        await monitors.remove(launch.bundle)
        box.assert_clean(launch)

    with_monitors(work)
