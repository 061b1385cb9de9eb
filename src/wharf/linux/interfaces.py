"""The counters of network interfaces."""

import os
from dataclasses import dataclass
from typing import Final

_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Traffic:
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


def traffic_of(pid: int) -> dict[str, Traffic]:
    """The interfaces that a process sees, but the loopback one. Empty when the process is gone."""
    try:
        descriptor = os.open(f"/proc/{pid}/net/dev", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        return parse(os.read(descriptor, _PIECE).decode())
    except OSError:
        return {}
    finally:
        os.close(descriptor)


def parse(text: str) -> dict[str, Traffic]:
    """The form of /proc/net/dev (proc(5))."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        words = [int(word) for word in rest.split()]
        if name.strip() != "lo" and len(words) >= 12:
            found[name.strip()] = Traffic(*words[:4], *words[8:12])
    return found
