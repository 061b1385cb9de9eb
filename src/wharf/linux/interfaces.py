"""The counters of network interfaces."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Bytes of a list: a container may make as many interfaces as it likes.
_MOST: Final = 1 << 16


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
        with Path(f"/proc/{pid}/net/dev").open("rb") as file:  # one read(2) gives no more than a page
            return parse(file.read(_MOST))
    except OSError:
        return {}


def parse(listing: bytes) -> dict[str, Traffic]:
    """The form of /proc/net/dev (proc(5)). A last line that is cut off is left out; names may have any bytes."""
    found = {}
    for line in listing.decode(errors="replace").split("\n")[2:-1]:
        name, _, rest = line.partition(":")
        words = [int(word) for word in rest.split()]
        if name.strip() != "lo" and len(words) >= 12:
            found[name.strip()] = Traffic(*words[:4], *words[8:12])
    return found
