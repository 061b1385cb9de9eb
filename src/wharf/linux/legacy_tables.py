"""The kernel's older packet filter (ip_tables), which nftables does not show: through iptables-legacy.

Its rules are one binary blob for each table, of a layout that only iptables knows: so this runs a program, on hosts
where somebody has filled that filter, and never at a container's start.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PROGRAMS: Final = {4: "iptables-legacy", 6: "ip6tables-legacy"}
_NAMES: Final = {4: "ip_tables_names", 6: "ip6_tables_names"}
#: Seconds; another iptables may hold the lock for as long as it works.
_PATIENCE: Final = 10


class LegacyTablesError(Exception):
    """The program is missing, or failed. The text is for people."""


def names(version: int) -> Sequence[str]:
    """Of the tables in this thread's network namespace, for this version of IP. To ask makes none."""
    try:
        return Path("/proc/thread-self/net", _NAMES[version]).read_text().split()
    except OSError:
        return ()


def in_use(version: int) -> bool:
    """Whether there is such a filter."""
    return "filter" in names(version)


def run(version: int, *arguments: str) -> Sequence[str]:
    """The lines that iptables prints. Raises LegacyTablesError."""
    command = [_PROGRAMS[version], "-w", str(_PATIENCE), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=2 * _PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LegacyTablesError(f"cannot run {command[0]}: {error}") from None
    if done.returncode:
        raise LegacyTablesError(f"{command[0]}: {done.stderr.decode(errors='replace').strip()}")
    # A comment may have any bytes, and other ends of lines.
    return done.stdout.decode(errors="replace").split("\n")[:-1]
