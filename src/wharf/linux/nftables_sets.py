"""Notices sets whose description an older libnftables may not survive.

Since 1.1 nft writes down with each set what its keys are, in words that older ones do not know: 1.0.6 (Debian 12) ends
its process, whatever it was asked to do. On such a host a program with a newer nft (in a container with the host's
network, for one) would end us.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final

from wharf.linux.netlink import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    frame,
    parse_attributes,
    parse_messages,
)
from wharf.linux.nfnetlink import CHANGES, NETLINK_NETFILTER, SUBSYSTEM

_NEW_SET, _GET_SET = (SUBSYSTEM << 8 | kind for kind in (9, 10))  # NFT_MSG_… of nf_tables.h
_TABLE, _USERDATA = 1, 13  # NFTA_SET_…
_GENERAL: Final = struct.Struct("!BBH")  # struct nfgenmsg
#: NFTNL_UDATA_SET_KEY_TYPEOF and …_DATA_TYPEOF of libnftnl/udata.h.
_TYPEOF: Final = frozenset({3, 4})
_PART: Final = 1 << 16


class SetNotices:
    """Of the network namespace in which it was made, from then on. For one thread at a time."""

    def __init__(self, own: str) -> None:
        """Tables whose names begin with `own` are not looked at. Raises OSError where the kernel has no nftables."""
        self._own = own
        self._socket = _opened()
        try:
            self._socket.bind((0, CHANGES))
            self._socket.setblocking(False)
            self._doubtful = any(_described(self._own, _listed()))
        except BaseException:
            self._socket.close()
            raise

    def doubtful(self) -> bool:
        """Whether there was such a set since the last trust(). Raises OSError."""
        while True:
            try:
                self._doubtful |= any(_described(self._own, self._socket.recv(_PART)))
            except BlockingIOError:
                return self._doubtful
            except OSError:  # ENOBUFS: more notices than the buffer holds
                self._doubtful |= any(_described(self._own, _listed()))

    def trust(self) -> None:
        """Those that are there have turned out to be harmless."""
        self._doubtful = False

    def close(self) -> None:
        self._socket.close()


def _opened() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)


def _listed() -> bytes:
    """All sets of the namespace, as messages."""
    found = b""
    with _opened() as asking:
        asking.sendall(frame(_GET_SET, NLM_F_REQUEST | NLM_F_DUMP, 1, _GENERAL.pack(socket.AF_UNSPEC, 0, 0)))
        while not any(kind in (NLMSG_DONE, NLMSG_ERROR) for kind, _, _, _ in parse_messages(found)):
            found += asking.recv(_PART)
    return found


def _described(own: str, data: bytes) -> Iterator[bool]:
    """Whether others' sets in a packet are described in words. What is no set is passed over."""
    for kind, _, _, body in parse_messages(data):
        if kind == _NEW_SET:
            attributes = parse_attributes(body[_GENERAL.size :])
            if not attributes.get(_TABLE, b"").startswith(own.encode() or b"\0"):
                yield not _TYPEOF.isdisjoint(_kinds(attributes.get(_USERDATA, b"")))


def _kinds(userdata: bytes) -> Iterator[int]:
    """Of the descriptions in it: each has a byte for its kind, and one for its length."""
    at = 0
    while at + 2 <= len(userdata):
        yield userdata[at]
        at += 2 + userdata[at + 1]
