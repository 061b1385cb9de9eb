"""A link that is deleted is gone at both ends, though the kernel is not yet done with it."""

import errno
import os

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
