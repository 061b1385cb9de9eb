"""The experimental operations on checkpoints: not offered, and answered as a dockerd that is not experimental does.

Freezing processes to disk needs CRIU, and a kernel that it knows; see docs/adr/0046-no-checkpoints.md.
"""

from typing import NoReturn

from wharf.api.engine_port import Engine
from wharf.api.messages import Request
from wharf.errors import InvalidArgument, NotImplementedByUs


async def not_experimental(engine: Engine, request: Request) -> NoReturn:
    """All three — 501."""
    raise NotImplementedByUs(
        "This experimental feature is disabled by default. "
        "Start the Docker daemon in experimental mode in order to enable it."
    )


def refuse_restore(request: Request) -> None:
    """Raises InvalidArgument for a start from a checkpoint."""
    if request.query.text("checkpoint"):
        raise InvalidArgument("checkpoint is only supported in experimental mode")
