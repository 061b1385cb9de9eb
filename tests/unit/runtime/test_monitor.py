"""Monitors of shims that an earlier daemon has started."""

import asyncio
import errno
import os
import socket
import subprocess
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.files import no_more_files
from wharf.errors import EngineError
from wharf.linux import pidfd
from wharf.runtime import records, wire
from wharf.runtime.endings import SHIM_DIED
from wharf.runtime.monitor import ShimMonitor, ShimMonitors, is_alive
from wharf.runtime.shim_connection import unconnected

STARTED = {"pid": 4711, "started": "2026-01-01T00:00:00.000000000Z", "cgroup": "/none"}


def test_a_search_that_failed_is_made_again(tmp_path: Path) -> None:
    async def body() -> None:
        bundle = tmp_path / "bundle"
        bundle.touch()  # no directory: opening it fails, as it does with too many open files
        monitor = ShimMonitor("c", bundle, unconnected(), "crun")
        monitor.know(STARTED)
        for _ in range(2):
            with pytest.raises(NotADirectoryError):
                await monitor.found()
        bundle.unlink()
        await monitor.found()
        status = await asyncio.wait_for(monitor.wait(), 60)
        assert (status.code, status.error) == (137, SHIM_DIED)
        monitor.close()

    asyncio.run(body())


def test_a_shim_that_cannot_be_asked_leaves_nothing_open(tmp_path: Path) -> None:
    shim = {"pid": os.getpid(), "start_time": pidfd.start_time(os.getpid()), "runtime": "crun"}
    records.write(tmp_path, records.SHIM, shim)
    (tmp_path / records.SOCKET).symlink_to(records.SOCKET)  # to itself: connecting fails, as with too many open files

    async def body() -> None:
        monitors = ShimMonitors()
        before = os.listdir("/proc/self/fd")  # noqa: PTH208
        with pytest.raises(OSError, match="Too many levels of symbolic links") as told:
            await monitors.reopen("c", tmp_path)
        assert told.tb is not None  # which holds the monitor: that nobody has it any more is not what closes it
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
        await monitors.close()

    asyncio.run(body())


def test_a_kernel_without_memory_for_a_message_is_asked_again() -> None:
    class Short(socket.socket):
        errors: ClassVar = [errno.ENOMEM, errno.ENOBUFS]

        def recvmsg(self, *sizes: int) -> Any:
            if self.errors:
                raise OSError(self.errors.pop(), "")
            return super().recvmsg(*sizes)

    ours, theirs = socket.socketpair()
    with Short(fileno=ours.detach()) as short, theirs:
        reader = wire.Reader(short)
        wire.send(theirs, {"event": "ready"})
        assert [reader.receive() for _ in range(3)] == [[], [], [{"event": "ready"}]]
        assert not reader.at_end


def test_a_shim_that_is_dead_and_not_yet_reaped_runs_nothing() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        shim = {"pid": process.pid, "start_time": pidfd.start_time(process.pid)}
        assert is_alive(shim)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert pidfd.start_time(process.pid) == shim["start_time"]
        assert not is_alive(shim)


def test_too_many_open_files_say_nothing_of_a_shim() -> None:
    """A container whose shim cannot be looked at is not taken to have none."""
    own = {"pid": os.getpid(), "start_time": pidfd.start_time(os.getpid())}
    for room in (0, 1):
        before = os.listdir("/proc/self/fd")  # noqa: PTH208
        with no_more_files(room=room), pytest.raises(OSError, match="Too many open files"):
            is_alive(own)
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


@pytest.mark.parametrize("room", [0, 1])
def test_descriptors_for_which_there_is_no_room(tmp_path: Path, room: int) -> None:
    """A shim that brings two is not taken for one without a network: the start fails."""

    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        monitor = ShimMonitor("c", tmp_path, ours, "crun")
        with theirs:
            wire.send(theirs, {"event": "ready", "pid": 4711}, (theirs.fileno(), theirs.fileno()))
            before = os.listdir("/proc/self/fd")  # noqa: PTH208
            with no_more_files(room=room):
                monitor.listen()
                with pytest.raises(OSError, match="Too many open files"):
                    await asyncio.wait_for(monitor.ready(), 10)
            assert len(os.listdir("/proc/self/fd")) == len(before) - 1  # noqa: PTH208
        assert monitor.network is None
        monitor.close()

    asyncio.run(body())


def test_too_many_open_files_do_not_hide_whether_a_container_ends(tmp_path: Path) -> None:
    """Health checks ask, and go on when there is room again."""

    async def body(process: "subprocess.Popen[bytes]") -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        monitor = ShimMonitor("c", tmp_path, ours, "crun")
        process_fd = os.pidfd_open(process.pid)
        with theirs:
            started = {**STARTED, "event": "started", "pid": process.pid, "hide_unified": False}
            wire.send(theirs, started, (process_fd,))
            monitor._receive()
            with no_more_files():
                assert not monitor.is_ending
            process.kill()
            assert pidfd.has_ended(process_fd, 60)
            with no_more_files():
                assert monitor.is_ending
        os.close(process_fd)
        monitor.close()

    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        asyncio.run(body(process))


def test_an_answer_that_comes_late_is_not_that_of_the_next_question(tmp_path: Path) -> None:
    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        monitor = ShimMonitor("c", tmp_path, ours, "crun")
        monitor.listen()
        with theirs:
            with pytest.raises(EngineError, match="did not answer in time"):
                await monitor._ask({"op": "hold"}, "held", 0.01)
            again = asyncio.create_task(monitor.hold(()))
            await asyncio.sleep(0)  # it has asked
            for error in ("", "too many open files"):
                wire.send(theirs, {"event": "held", "error": error})
            with pytest.raises(EngineError, match="too many open files"):
                await asyncio.wait_for(again, 60)
        monitor.close()

    asyncio.run(body())
