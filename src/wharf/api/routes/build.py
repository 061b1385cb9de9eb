"""The section Image's operations of a builder. There is none yet, and so no cache of one."""

import msgspec

from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response


class CachePruned(msgspec.Struct, frozen=True, rename="pascal"):
    caches_deleted: list[str]
    space_reclaimed: int


def prune(engine: Engine, request: Request) -> Response:
    """POST /build/prune — 200."""
    return json_response(CachePruned([], 0))
