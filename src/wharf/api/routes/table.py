"""The one list of the operations that this engine offers."""

from collections.abc import Iterator

from wharf.api.router import Operation
from wharf.api.routes import ping


def operations() -> Iterator[Operation]:
    """All operations. The first whose method and path match is taken, so literal ones precede patterns."""
    yield Operation("GET", "/_ping", ping.ping)
    yield Operation("HEAD", "/_ping", ping.ping_head)
