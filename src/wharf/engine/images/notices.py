"""Progress from a working thread, thinned out to what a terminal can draw."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from wharf.apitypes.jsonmessage import Progress, Report

_PAUSE: Final = 0.1  # seconds between two lines about the same thing


def throttled(report: Report, id: str, status: str, total: int) -> Callable[[int], None]:
    """A function for any thread that reports how far `id` is, ten times a second at most. Make it on the event loop."""
    loop = asyncio.get_running_loop()
    last = 0.0

    def advance(done: int) -> None:
        nonlocal last
        moment = time.monotonic()
        if moment - last >= _PAUSE:
            last = moment
            loop.call_soon_threadsafe(report, Progress(status, id, done, total))

    return advance


def short(digest: str) -> str:
    """The twelve digits by which lines about a layer are told apart."""
    return digest.removeprefix("sha256:")[:12]
