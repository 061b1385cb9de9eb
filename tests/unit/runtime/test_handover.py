"""What the starter of a container hands over to its shim arrives whole, however many descriptors there are."""

import _socket
import os

import pytest

from wharf.runtime.shim import handover
from wharf.runtime.wire import MOST_DESCRIPTORS


def named(number: int) -> int:
    fd = os.memfd_create("handover")
    os.write(fd, str(number).encode())
    return fd


def name(fd: int) -> int:
    try:
        return int(os.pread(fd, 16, 0))
    finally:
        os.close(fd)


@pytest.mark.parametrize("count", [1, 2, MOST_DESCRIPTORS - 1, MOST_DESCRIPTORS, MOST_DESCRIPTORS + 1, 400])
def test_descriptors_come_in_their_order_and_those_with_something_to_tell_are_known(count: int) -> None:
    fds = [named(number) for number in range(count)]
    silent = set(fds[::3])
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    value = {"launch": {"bundle": "/a/bundle"}, "pending": [], "rest": b"\0half a mess"}
    handover.send(theirs, value, fds, silent)
    for fd in fds:
        os.close(fd)
    taken = handover.receive(ours)
    assert taken is not None
    assert taken.bundle == b"/a/bundle"
    assert len(taken.telling) == count - len(silent)
    told = {os.pread(fd, 16, 0) for fd in taken.telling}
    found, arrived = taken.open()
    assert (found["launch"], found["rest"]) == (value["launch"], value["rest"])
    assert [name(fd) for fd in arrived] == list(range(count))
    assert told == {str(number).encode() for number in range(count) if number % 3}


def test_a_shim_with_something_to_do_does_not_wait() -> None:
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    fd = named(7)
    handover.send(theirs, {"launch": {"bundle": "/b"}, "pending": [{"op": "status"}]}, [fd], set())
    os.close(fd)
    taken = handover.receive(ours)
    assert taken is not None
    assert taken.telling == []
    assert [name(fd) for fd in taken.open()[1]] == [7]


def test_a_starter_that_ends_without_a_word_hands_over_nothing() -> None:
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    theirs.close()
    assert handover.receive(ours) is None
