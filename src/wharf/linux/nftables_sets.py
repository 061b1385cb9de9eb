"""Notices sets whose description an older libnftables may not survive.

Since 1.1 nft writes down with each set what its keys are, in words that older ones do not know: 1.0.6 (Debian 12) ends
its process, whatever it was asked to do. On such a host a program with a newer nft (in a container with the host's
network, for one) would end us.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from wharf.linux.netlink import (
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    frame,
    parse_attributes,
    parse_messages,
)
from wharf.linux.nfnetlink import CHANGES, NETLINK_NETFILTER, SUBSYSTEM

#: NFT_MSG_… of nf_tables.h
_NEW_SET, _GET_SET, _NEW_GENERATION, _GET_GENERATION = (SUBSYSTEM << 8 | kind for kind in (9, 10, 15, 16))
_USERDATA: Final = 13  # NFTA_SET_…
_GENERATION_ID: Final = 1  # NFTA_GEN_…
#: How a set is made: flags, types and lengths of keys and data, userdata.
_DESCRIBING: Final = (3, 4, 5, 6, 7, _USERDATA)
_GENERAL: Final = struct.Struct("!BBH")  # struct nfgenmsg
_CODE: Final = struct.Struct("=i")
#: NFTNL_UDATA_SET_KEY_TYPEOF and …_DATA_TYPEOF of libnftnl/udata.h.
_TYPEOF: Final = frozenset({3, 4})
_PART: Final = 1 << 16
_REMEMBERED: Final = 256  # descriptions
_UNKNOWN: Final = ""  # no set's description


class SetNotices:
    """Of the network namespace in which it was made, from then on. For one thread at a time.

    No table is ours alone: others can write into each. Our own sets that are described in words are doubtful once for
    each way to describe one, and not again for the next network.
    """

    def __init__(self) -> None:
        """Raises OSError where the kernel has no nftables."""
        self._trusted: set[str] = set()
        self._socket = _opened()
        try:
            self._socket.bind((0, CHANGES))
            self._socket.setblocking(False)
            self._doubtful = any(True for _ in listed())
        except BaseException:
            self._socket.close()
            raise

    def doubtful(self) -> bool:
        """Whether there was such a set since the last trust(). Raises OSError."""
        while True:
            try:
                self._look(_described(self._socket.recv(_PART)))
            except BlockingIOError:
                return self._doubtful
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._look(listed())  # there were more notices than the buffer holds

    def _look(self, descriptions: Iterable[str]) -> None:
        self._doubtful |= any(one not in self._trusted for one in descriptions)

    def trust(self, descriptions: Iterable[str]) -> None:
        """What is there has turned out to be harmless; and so will be whatever is described in these ways."""
        self._doubtful = False
        self._trusted.update(descriptions)
        while len(self._trusted) > _REMEMBERED:
            self._trusted.pop()

    def close(self) -> None:
        self._socket.close()


def _opened() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)


def listed() -> Iterator[str]:
    """How the sets of the namespace are described, where that is in words. Raises OSError."""
    with _opened() as asking:
        _ask(asking, _GET_SET, NLM_F_DUMP)
        at_end = False
        while not at_end:
            part = asking.recv(_PART)
            yield from _described(part)
            at_end = _ends(part)


def generation() -> bytes:
    """The number of the last change in the namespace, whoever made it. Raises OSError."""
    with _opened() as asking:
        _ask(asking, _GET_GENERATION, 0)
        part = asking.recv(_PART)
        for kind, _, _, body in parse_messages(part):
            if kind == _NEW_GENERATION:
                return parse_attributes(body[_GENERAL.size :])[_GENERATION_ID]
        _ends(part)
        raise OSError(errno.EPROTO, "nf_tables: the kernel says something else")


def _ask(asking: socket.socket, kind: int, flags: int) -> None:
    asking.connect((0, 0))  # to the kernel: nobody else can answer
    asking.sendall(frame(kind, NLM_F_REQUEST | flags, 1, _GENERAL.pack(socket.AF_UNSPEC, 0, 0)))


def _ends(part: bytes) -> bool:
    """Whether that was the answer's last part. Raises OSError for an answer that says no."""
    for kind, _, _, body in parse_messages(part):
        if kind in (NLMSG_DONE, NLMSG_ERROR):
            if code := -_CODE.unpack_from(body)[0]:
                raise OSError(code, os.strerror(code))
            return True
    return False


def _described(data: bytes) -> Iterator[str]:
    """The same of the sets in a packet. What is no set is passed over."""
    for kind, flags, _, body in parse_messages(data):
        if flags & NLM_F_DUMP_INTR:  # somebody has changed the tables between two parts: one may be left out
            yield _UNKNOWN
        if kind == _NEW_SET:
            attributes = parse_attributes(body[_GENERAL.size :])
            if not _TYPEOF.isdisjoint(_kinds(attributes.get(_USERDATA, b""))):
                yield "-".join(attributes.get(number, b"").hex() for number in _DESCRIBING)


def _kinds(userdata: bytes) -> Iterator[int]:
    """Of the descriptions in it: each has a byte for its kind, and one for its length."""
    at = 0
    while at + 2 <= len(userdata):
        yield userdata[at]
        at += 2 + userdata[at + 1]
