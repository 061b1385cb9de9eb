"""The way back for containers' answers to clients in whose names the shim has spoken to them.

The client's address is no address of this host, so the answer would be routed away. The bridge's table marks it, and a
rule of the routing policy has marked packets delivered here. Rule and route are there from the first port that needs
them until the last bridge goes, and are shared by all engines on the host.
"""

import errno
import socket
from typing import Final

from wharf.linux import marks
from wharf.linux.addressing import RTPROT_BOOT
from wharf.linux.netlink import (
    LOOPBACK_INDEX,
    NLM_F_CREATE,
    NLM_F_EXCL,
    ROUTE,
    RTA_OIF,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    Message,
    RouteSocket,
    number,
)
from wharf.linux.nftables import Nftables
from wharf.network import passing
from wharf.network.families import Family

_RTM_NEWRULE, _RTM_DELRULE = 32, 33
_FRA_FWMARK, _FRA_TABLE, _RTA_TABLE = 10, 15, 15
_FR_ACT_TO_TBL: Final = 1
_RT_SCOPE_HOST, _RTN_LOCAL = 254, 2


def _rule(kind: int, flags: int, family: int) -> Message:
    header = ROUTE.pack(family, 0, 0, 0, 0, 0, 0, _FR_ACT_TO_TBL, 0)  # struct fib_rule_hdr is alike
    return Message(kind, flags, header + number(_FRA_FWMARK, marks.RETURNING) + number(_FRA_TABLE, marks.TABLE))


def _route(kind: int, flags: int, family: int) -> Message:
    header = ROUTE.pack(family, 0, 0, 0, 0, RTPROT_BOOT, _RT_SCOPE_HOST, _RTN_LOCAL, 0)
    return Message(kind, flags, header + number(_RTA_TABLE, marks.TABLE) + number(RTA_OIF, LOOPBACK_INDEX))


def begin(routes: RouteSocket, family: Family) -> None:
    """Makes rule and route, unless they are there. Raises OSError."""
    flags, number = NLM_F_CREATE | NLM_F_EXCL, _number(family)
    for message in (_route(RTM_NEWROUTE, flags, number), _rule(_RTM_NEWRULE, flags, number)):
        _ask(routes, message, errno.EEXIST)


def end(routes: RouteSocket, nftables: Nftables, family: Family) -> None:
    """A bridge is gone: after the last one of this host rule and route are, too. Raises OSError, NftablesError."""
    if nftables.has(f"{family.keyword} {passing.TABLE}"):
        return
    for message in (_rule(_RTM_DELRULE, 0, _number(family)), _route(RTM_DELROUTE, 0, _number(family))):
        _ask(routes, message, errno.ENOENT, errno.ESRCH)


def _number(family: Family) -> int:
    return socket.AF_INET if family.version == 4 else socket.AF_INET6


def _ask(routes: RouteSocket, message: Message, *expected: int) -> None:
    try:
        routes.request(message)
    except OSError as error:
        if error.errno not in (*expected, errno.EAFNOSUPPORT):
            raise
