"""Being told when anybody changes the firewall: the kernel's own notices (nfnetlink, group NFNLGRP_NFTABLES)."""

import socket
from collections.abc import Iterator
from typing import Final

from wharf.linux.netlink import parse_attributes, parse_messages
from wharf.linux.nfnetlink import CHANGES, NETLINK_NETFILTER, SUBSYSTEM

#: NFT_MSG_DELTABLE, _NEWCHAIN (a policy may have changed), _DELCHAIN, _DELRULE of linux/netfilter/nf_tables.h.
_KINDS: Final = frozenset({2, 3, 5, 8})
_NAME_OF_TABLE: Final = 1  # NFTA_TABLE_NAME, NFTA_CHAIN_TABLE and NFTA_RULE_TABLE are all 1
_FAMILY: Final = 4  # bytes of struct nfgenmsg
_PART: Final = 1 << 16


class FirewallEvents:
    """A socket in the network namespace in which it was opened. Raises OSError where the kernel has no nftables."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
        try:
            self._socket.bind((0, CHANGES))
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> set[str] | None:
        """Names of the tables that lost something or got another policy since; None when notices were lost."""
        found: set[str] = set()
        while True:
            try:
                found.update(tables_in(self._socket.recv(_PART)))
            except BlockingIOError:
                return found
            except OSError:
                return None  # ENOBUFS: more than the buffer holds

    def close(self) -> None:
        self._socket.close()


def tables_in(data: bytes) -> Iterator[str]:
    """The tables that a packet of notices tells a loss of. Pure; what is cut off or no notice is passed over."""
    for kind, _, _, body in parse_messages(data):
        if kind >> 8 == SUBSYSTEM and kind & 0xFF in _KINDS:
            name = parse_attributes(body[_FAMILY:]).get(_NAME_OF_TABLE, b"")
            yield name.rstrip(b"\0").decode(errors="replace")
