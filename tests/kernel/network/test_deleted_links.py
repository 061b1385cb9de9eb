"""A link that is deleted is gone at both ends, though the kernel is not yet done with it."""

import errno
import os
import socket
from collections.abc import Callable
from threading import Timer

import pytest

from harness.world import World, ip
from wharf.linux.netlink import RouteSocket

pytestmark = pytest.mark.kernel


def test_a_deleted_link_is_gone_and_its_name_is_free(world: World) -> None:
    inside = world.namespace()
    kernel = world.kernel()
    for _ in range(20):
        ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", f"/proc/{os.getpid()}/fd/{inside}")
        with RouteSocket.inside(inside) as routes:
            link = routes.link("there")
            assert link is not None
            routes.delete_link(link.index, kernel.later)
        with RouteSocket() as here, RouteSocket.inside(inside) as there:
            assert (here.link("here"), there.link("there")) == (None, None)


def test_a_link_that_is_not_there(world: World) -> None:
    kernel = world.kernel()
    with RouteSocket() as routes, pytest.raises(OSError) as caught:
        routes.delete_link(4711, kernel.later)
    assert caught.value.errno == errno.ENODEV
    with RouteSocket() as routes, pytest.raises(OSError) as caught:
        routes.delete_link(1, kernel.later)  # nobody deletes the loopback
    assert caught.value.errno == errno.EOPNOTSUPP


def test_a_request_that_cannot_be_sent(world: World) -> None:
    kernel = world.kernel()
    gone = RouteSocket()
    with RouteSocket() as routes:
        with gone:
            routes._socket.connect(gone._socket.getsockname())
        with pytest.raises(ConnectionRefusedError):
            routes.delete_link(4711, kernel.later)


def test_notices_that_were_lost(world: World) -> None:
    """Others change more links than the socket can hold notices of."""
    ip("link", "add", "here", "type", "bridge")
    ip("link", "add", "other", "type", "bridge")
    ip("link", "set", "other", "up")  # of others no change of the alias is told
    timers = []

    def much_later(work: Callable[[], None]) -> None:
        for number in range(20):
            ip("link", "set", "other", "alias", str(number))
        timers.append(Timer(0.3, work))
        timers[0].start()

    with RouteSocket() as routes:
        routes._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # as little as there is
        link = routes.link("here")
        assert link is not None
        routes.delete_link(link.index, much_later)
        timers[0].join()
    with RouteSocket() as routes:
        assert routes.link("here") is None
