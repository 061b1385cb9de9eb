"""The clock that nobody sets."""

import time


def since_boot() -> float:
    """Seconds since the machine's boot, with those that it slept. The same for all processes until the next boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
