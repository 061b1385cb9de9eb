"""GET and HEAD /_ping: is somebody there, and what does it speak?"""

from typing import Final

from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response

_HEADERS: Final = (
    # "2" once BuildKit is served: the client then builds with it. The rest says which features this engine has.
    ("Builder-Version", "1"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
    ("Swarm", "inactive"),
)
_OK: Final = Response(200, b"OK", "text/plain; charset=utf-8", _HEADERS)
_OK_HEAD: Final = Response(200, b"", "text/plain; charset=utf-8", _HEADERS)


def ping(engine: Engine, request: Request) -> Response:
    """GET /_ping — 200 and "OK"."""
    return _OK


def ping_head(engine: Engine, request: Request) -> Response:
    """HEAD /_ping — the same without a body, and with a length of 0, as dockerd."""
    return _OK_HEAD
