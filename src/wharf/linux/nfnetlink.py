"""nf_tables by hand (linux/netfilter/nf_tables.h), for rules that never change their form.

A container's few rules take 0.2 ms this way. libnftables (see `nftables`) needs 2 ms, and 15 ms to close its context.
It also waits with select(2): where more than 1024 files are open, its socket has a number that ends the process.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final

from wharf.linux.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    Later,
    attribute,
    frame,
    parse_messages,
    text,
)

NETLINK_NETFILTER, SUBSYSTEM = 12, 10  # NFNL_SUBSYS_NFTABLES, the upper byte of a message's type
CHANGES: Final = 1 << (7 - 1)  # the group of notices: NFNLGRP_NFTABLES is number 7
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN = (SUBSYSTEM << 8 | kind for kind in (0, 2, 3))
_NEW_RULE, _GET_RULES, _DELETE_RULES = (SUBSYSTEM << 8 | kind for kind in (6, 7, 8))
_NLM_F_APPEND, _NLA_F_NESTED = 0x800, 0x8000
_GENERAL: Final = struct.Struct("!BBH")  # struct nfgenmsg: family, version, resource
_IPV4: Final = socket.AF_INET
_PART: Final = 1 << 16
#: Registers of 16 bytes.
_FIRST, _SECOND = 1, 2
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_EQUAL, _L4_PROTOCOL, _DNAT = 0, 16, 1
_LOCAL_OUT, _ACCEPT = 3, 1

Message = tuple[int, int, bytes]  # kind, flags, attributes


def transact(messages: Iterable[Message], later: Later) -> None:
    """All of them or none, for IPv4 in this thread's network namespace. Raises OSError.

    `later` closes the socket: where something was taken away, that waits for every processor (15 ms).
    """
    frames = [frame(_BATCH_BEGIN, NLM_F_REQUEST, 0, _GENERAL.pack(socket.AF_UNSPEC, 0, SUBSYSTEM))]
    for kind, flags, body in messages:
        head = _GENERAL.pack(_IPV4, 0, 0)
        frames.append(frame(kind, NLM_F_REQUEST | NLM_F_ACK | flags, len(frames), head + body))
    waiting = set(range(1, len(frames)))
    frames.append(frame(_BATCH_END, NLM_F_REQUEST, len(frames), _GENERAL.pack(socket.AF_UNSPEC, 0, SUBSYSTEM)))
    asking = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    try:
        asking.connect((0, 0))  # to the kernel: nobody else can answer
        asking.sendall(b"".join(frames))
        while waiting:
            waiting -= _acknowledged(asking.recv(_PART))
    finally:
        later(asking.close)


def count_rules(table: str, chain: str) -> int:
    """In a chain for IPv4 in this thread's network namespace; 0 also where there is none. Raises OSError."""
    found = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER) as asking:
        asking.connect((0, 0))
        which = _GENERAL.pack(_IPV4, 0, 0) + text(1, table) + text(2, chain)
        asking.sendall(frame(_GET_RULES, NLM_F_REQUEST | NLM_F_DUMP, 1, which))
        while True:
            for kind, _, _, body in parse_messages(asking.recv(_PART)):
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    if code := -struct.unpack_from("=i", body)[0]:
                        raise OSError(code, os.strerror(code))
                    return found
                found += kind == _NEW_RULE


def _acknowledged(data: bytes) -> set[int]:
    """The messages that the kernel has done. Raises OSError for one that it refuses."""
    found = set()
    for kind, _, sequence, body in parse_messages(data):
        if kind == NLMSG_ERROR:
            if code := -struct.unpack_from("=i", body)[0]:
                raise OSError(code, os.strerror(code))
            found.add(sequence)
    if not found:
        raise OSError(errno.EPROTO, "nf_tables: the kernel says something else")
    return found


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!I", value))


def _nested(kind: int, *values: bytes) -> bytes:
    return attribute(kind | _NLA_F_NESTED, b"".join(values))


# ── what is made ──


def new_table(name: str) -> Message:
    """The kernel answers EEXIST when there is one."""
    return _NEW_TABLE, NLM_F_CREATE | NLM_F_EXCL, text(1, name)


def delete_table(name: str) -> Message:
    """With all that is in it."""
    return _DELETE_TABLE, 0, text(1, name)


def empty_chain(table: str, name: str) -> Message:
    """Takes its rules away. The kernel answers ENOENT when there is no such chain."""
    return _DELETE_RULES, 0, text(1, table) + text(2, name)


def translating_chain(table: str, name: str, priority: int) -> Message:
    """A chain that translates what leaves this host, or namespace."""
    hook = _nested(4, _number(1, _LOCAL_OUT), attribute(2, struct.pack("!i", priority)))
    return _NEW_CHAIN, NLM_F_CREATE, text(1, table) + text(3, name) + hook + _number(5, _ACCEPT) + text(7, "nat")


def translation(table: str, chain: str, protocol: int, address: bytes, port: int, target: int) -> Message:
    """A rule: what goes to a port of an address goes to another port of it instead."""
    expressions = (
        _load(_NETWORK_HEADER, 16, 4),
        _equals(address),
        _expression("meta", _number(1, _FIRST), _number(2, _L4_PROTOCOL)),
        _equals(bytes([protocol])),
        _load(_TRANSPORT_HEADER, 2, 2),
        _equals(struct.pack("!H", port)),
        _keep(_FIRST, address),
        _keep(_SECOND, struct.pack("!H", target)),
        _expression("nat", _number(1, _DNAT), _number(2, _IPV4), _number(3, _FIRST), _number(5, _SECOND)),
    )
    return _NEW_RULE, NLM_F_CREATE | _NLM_F_APPEND, text(1, table) + text(2, chain) + _nested(4, *expressions)


def _expression(name: str, *data: bytes) -> bytes:
    return _nested(1, text(1, name), _nested(2, *data))


def _load(header: int, offset: int, length: int) -> bytes:
    """Bytes of a packet, into the first register."""
    return _expression("payload", _number(1, _FIRST), _number(2, header), _number(3, offset), _number(4, length))


def _equals(value: bytes) -> bytes:
    """Whether the first register has that; where not, the rule ends."""
    return _expression("cmp", _number(1, _FIRST), _number(2, _EQUAL), _nested(3, attribute(1, value)))


def _keep(register: int, value: bytes) -> bytes:
    return _expression("immediate", _number(1, register), _nested(2, attribute(1, value)))
