"""The sections of a cluster's managers. This engine is none, and says so as dockerd does outside a swarm."""

from typing import Final

from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response
from wharf.errors import NotImplementedByUs, Unavailable

#: What only a manager answers.
MANAGERS_ONLY: Final = (
    ("GET", "/swarm"),
    ("POST", "/swarm/update"),
    ("GET", "/swarm/unlockkey"),
    ("GET", "/nodes"),
    ("GET", "/nodes/{id}"),
    ("DELETE", "/nodes/{id}"),
    ("POST", "/nodes/{id}/update"),
    ("GET", "/services"),
    ("POST", "/services/create"),
    ("GET", "/services/{id}/logs"),
    ("GET", "/services/{id}"),
    ("DELETE", "/services/{id}"),
    ("POST", "/services/{id}/update"),
    ("GET", "/tasks"),
    ("GET", "/tasks/{id}/logs"),
    ("GET", "/tasks/{id}"),
    ("GET", "/secrets"),
    ("POST", "/secrets/create"),
    ("GET", "/secrets/{id}"),
    ("DELETE", "/secrets/{id}"),
    ("POST", "/secrets/{id}/update"),
    ("GET", "/configs"),
    ("POST", "/configs/create"),
    ("GET", "/configs/{id}"),
    ("DELETE", "/configs/{id}"),
    ("POST", "/configs/{id}/update"),
)


def no_manager(engine: Engine, request: Request) -> Response:
    """503 for all that only a manager can answer."""
    raise Unavailable(
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
        "to connect this node to swarm and try again."
    )


def no_member(engine: Engine, request: Request) -> Response:
    """POST /swarm/leave and /swarm/unlock — 503."""
    raise Unavailable("This node is not part of a swarm")


def no_clusters(engine: Engine, request: Request) -> Response:
    """POST /swarm/init and /swarm/join — 501."""
    raise NotImplementedByUs("clusters (swarm mode) are not supported")
