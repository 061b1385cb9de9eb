"""Lists that the kernel sends in parts, while others change what is listed."""

import socket

import pytest

from wharf.linux import netlink
from wharf.linux.netlink import LINK, NLM_F_DUMP_INTR, NLMSG_DONE, RTM_NEWLINK, RouteSocket


def named(name: str) -> bytes:
    return LINK.pack(socket.AF_UNSPEC, 0, 1, 0, 0) + netlink.text(netlink.IFLA_IFNAME, name)


class Listing:
    """A socket that answers each request with the next list, of which all but the last was changed on the way."""

    def __init__(self, *lists: list[str]) -> None:
        self._lists = list(lists)
        self.left = len(lists)
        self._parts: list[bytes] = []

    def sendall(self, request: bytes) -> None:
        ((_, _, sequence, _),) = netlink.parse_messages(request)
        names = self._lists[-self.left]
        self.left -= 1
        flags = NLM_F_DUMP_INTR if self.left else 0
        late = netlink.frame(RTM_NEWLINK, 0, sequence - 1, named("of an earlier one"))
        self._parts = [late, *(netlink.frame(RTM_NEWLINK, flags, sequence, named(name)) for name in names)]
        self._parts.append(netlink.frame(NLMSG_DONE, flags, sequence, bytes(4)))

    def recv(self, size: int) -> bytes:
        return self._parts.pop(0)


@pytest.mark.parametrize(
    ("lists", "found", "left"),
    [
        ([["lo", "eth0"]], ["lo", "eth0"], 0),
        ([["eth0"], ["lo", "eth0"]], ["lo", "eth0"], 0),
        ([["a"], ["b"], ["c"], ["d"], ["e"], ["f"]], ["e"], 1),  # not for ever
    ],
)
def test_a_list_that_was_changed_on_the_way_is_asked_for_again(
    lists: list[list[str]], found: list[str], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RouteSocket() as routes, monkeypatch.context() as patch:
        listing = Listing(*lists)
        patch.setattr(routes, "_socket", listing)
        assert [link.name for link in routes.links()] == found
        assert listing.left == left
