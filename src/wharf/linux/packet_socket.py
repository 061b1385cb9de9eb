"""Whole Ethernet frames of one link, without any address of one's own (packet(7))."""

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Final

_ETH_P_IP: Final = 0x0800
_SO_ATTACH_FILTER: Final = 26
_PROTOCOL_UDP: Final = 17
_FRAGMENT: Final = 0x1FFF  # any but the first part of a datagram
_ALL: Final = 0xFFFF
_IP: Final = 14  # where it begins in a frame

#: Classic BPF (linux/filter.h): what to do, where to go on when it is true and when it is false, and with what.
_Instruction = tuple[int, int, int, int]
_LOAD_2, _LOAD_1, _LOAD_2_AFTER, _LENGTH_OF_IP = 0x28, 0x30, 0x48, 0xB1
_EQUAL, _ANY_BIT, _RETURN = 0x15, 0x45, 0x06


def open_for_datagrams(link: str, port: int) -> socket.socket:
    """The frames of a link, in this thread's network namespace, with UDP datagrams of IPv4 to a port.

    Any other the kernel throws away before it wakes us. Does not block. Raises OSError.
    """
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    made = socket.socket(socket.AF_PACKET, flags, 0)  # of protocol 0: it receives nothing before the filter is there
    try:
        _attach(made, _to_port(port))
        made.bind((link, _ETH_P_IP))
    except BaseException:
        made.close()
        raise
    return made


def _to_port(port: int) -> Sequence[_Instruction]:
    return (
        (_LOAD_2, 0, 0, _IP - 2),
        (_EQUAL, 0, 8, _ETH_P_IP),
        (_LOAD_1, 0, 0, _IP + 9),
        (_EQUAL, 0, 6, _PROTOCOL_UDP),
        (_LOAD_2, 0, 0, _IP + 6),
        (_ANY_BIT, 4, 0, _FRAGMENT),
        (_LENGTH_OF_IP, 0, 0, _IP),
        (_LOAD_2_AFTER, 0, 0, _IP + 2),
        (_EQUAL, 0, 1, port),
        (_RETURN, 0, 0, _ALL),
        (_RETURN, 0, 0, 0),
    )


def _attach(made: socket.socket, program: Sequence[_Instruction]) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code)))
