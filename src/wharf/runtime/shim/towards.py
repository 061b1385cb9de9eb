"""The sockets by which the shim speaks to the container for a client of a published port.

The container sees the client's own address where its answers find the way back: they are marked (see network.returning)
and taken for the host's own. It sees the host's for clients on the host itself, whose address is no stranger's, and for
neighbours on its network, whom it would answer directly.
"""

import _socket
from typing import Final

from wharf.linux import marks

_SO_MARK: Final = 36
_IP_TRANSPARENT: Final = 19
_IPV6_TRANSPARENT: Final = 75
#: The beginning of addresses that mean something on one link only.
_LINK_LOCAL: Final = "fe80"


def socket_for(peer: str, target: str, kind: int, network: str) -> _socket.socket:
    """An unconnected socket for one client. `network` is the container's, or "" where it sees the host in any case."""
    made = _socket.socket(family(target), kind)
    if network and _is_stranger(peer, network):
        try:
            made.setsockopt(_socket.SOL_SOCKET, _SO_MARK, marks.SENT)
            if ":" in peer:
                made.setsockopt(_socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)
            else:
                made.setsockopt(_socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
            made.bind((peer, 0))
        except OSError:
            made.close()
            raise
    made.setblocking(False)
    return made


def family(address: str) -> int:
    return int(_socket.AF_INET6 if ":" in address else _socket.AF_INET)


def _is_stranger(peer: str, network: str) -> bool:
    return not peer.startswith(_LINK_LOCAL) and not is_inside(peer, network) and not _is_own(peer)


def is_inside(address: str, network: str) -> bool:
    """Whether an address is in a network of its version. Without ipaddress, whose memory every shim would have."""
    first, _, length = network.partition("/")
    bits, own = _bits(first)
    shift = bits - int(length)
    return _bits(address)[1] >> shift == own >> shift


def _bits(address: str) -> tuple[int, int]:
    """How many bits an address has, and it as a number."""
    data = _socket.inet_pton(family(address), address)
    return len(data) * 8, int.from_bytes(data, "big")


def _is_own(address: str) -> bool:
    """Whether it is one of this host's: only those can be bound without asking for more."""
    trial = _socket.socket(family(address), _socket.SOCK_DGRAM)
    try:
        trial.bind((address, 0))
    except OSError:
        return False
    finally:
        trial.close()
    return True
