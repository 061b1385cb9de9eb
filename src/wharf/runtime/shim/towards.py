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
_IP_BIND_ADDRESS_NO_PORT: Final = 24


def socket_for(peer: str, target: str, kind: int, network: str) -> _socket.socket:
    """An unconnected socket for one client. `network` is the container's, or "" where it sees the host in any case."""
    made = _socket.socket(family(target), kind)
    if network and ":" not in peer + target and not is_inside(peer, network) and not _is_own(peer):
        try:
            made.setsockopt(_socket.SOL_SOCKET, _SO_MARK, marks.SENT)
            made.setsockopt(_socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
            made.setsockopt(_socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            made.bind((peer, 0))
        except OSError:
            made.close()
            raise
    made.setblocking(False)
    return made


def family(address: str) -> int:
    return int(_socket.AF_INET6 if ":" in address else _socket.AF_INET)


def is_inside(address: str, network: str) -> bool:
    """Whether an IPv4 address is in `172.17.0.0/16`. Without ipaddress, whose memory every shim would have."""
    first, _, length = network.partition("/")
    shift = 32 - int(length)
    return _number(address) >> shift == _number(first) >> shift


def _number(address: str) -> int:
    return int.from_bytes(_socket.inet_aton(address), "big")


def _is_own(address: str) -> bool:
    """Whether it is one of this host's: only those can be bound without asking for more."""
    trial = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        trial.bind((address, 0))
    except OSError:
        return False
    finally:
        trial.close()
    return True
