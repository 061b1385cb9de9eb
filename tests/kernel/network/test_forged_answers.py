"""Who may send netlink messages in a container's network namespace cannot answer there in the kernel's name."""

import select
import socket

import pytest

from harness.world import World
from wharf.linux import advertisements, netlink
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket

pytestmark = pytest.mark.kernel


def test_only_the_kernel_answers(world: World) -> None:
    namespace = world.namespace()
    link = netlink.LINK.pack(socket.AF_UNSPEC, 0, 4711, 0, 0) + netlink.text(netlink.IFLA_IFNAME, "eth0")
    forged = netlink.frame(netlink.RTM_NEWLINK, 0, 1, link)
    with RouteSocket.inside(namespace) as asking, inside_network(namespace):
        port, _ = asking._socket.getsockname()
        with (
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as other,
            pytest.raises(ConnectionRefusedError),
        ):
            other.sendto(forged, (port, 0))
        assert asking.link("eth0") is None


def test_who_floods_notices_of_addresses_is_not_read_for_ever(world: World) -> None:
    """Nobody can send to us alone; who has CAP_NET_ADMIN may send to all who listen."""
    with inside_network(world.namespace()):
        told = advertisements.notices()
        other = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        with told, other:
            forged = netlink.frame(netlink.RTM_NEWADDR, 0, 1, b"")
            with pytest.raises(ConnectionRefusedError):
                other.sendto(forged, (told.getsockname()[0], 0))
            for _ in range(100):
                other.sendto(forged, (0, advertisements._CHANGED))
            looks = 0
            while select.select([told], [], [], 0)[0]:
                advertisements.forget(told)
                looks += 1
            assert looks == 2
