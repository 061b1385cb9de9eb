"""The section Image's operations of a builder. There is none yet, and so no cache of one."""

from typing import NoReturn

import msgspec

from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response
from wharf.errors import NotImplementedByUs


class CachePruned(msgspec.Struct, frozen=True, rename="pascal"):
    caches_deleted: list[str]
    space_reclaimed: int


def no_build(engine: Engine, request: Request) -> NoReturn:
    """POST /build — 501."""
    raise NotImplementedByUs("building images is not supported yet; build it elsewhere and load it")


def prune(engine: Engine, request: Request) -> Response:
    """POST /build/prune — 200."""
    return json_response(CachePruned([], 0))
