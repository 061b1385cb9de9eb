"""What the engine remembers of a container. One JSON document in the database; every change makes a new value."""

from enum import StrEnum
from typing import Final

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig, MountPoint, NetworkingConfig
from wharf.errors import Conflict
from wharf.network.contract import Endpoint

ZERO_TIME: Final = "0001-01-01T00:00:00Z"  # how Docker writes "never"


class Status(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


#: The states in which processes of the container exist.
ALIVE: Final = frozenset({Status.RUNNING, Status.PAUSED})


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """A container. `config` is the request's with the image's defaults filled in; times are RFC 3339 in UTC."""

    id: str  # 64 hex digits
    name: str  # without Docker's leading slash
    created: str
    image: str  # id of the image
    path: str  # argv[0]
    args: list[str]
    config: ContainerConfig
    host: HostConfig
    networking: NetworkingConfig
    platform: str = "linux"
    mounts: list[MountPoint] = []
    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: str = ZERO_TIME
    finished_at: str = ZERO_TIME
    restart_count: int = 0
    stopped_by_user: bool = False  # a restart policy of unless-stopped leaves it alone
    remove_volumes: bool = False  # its removal takes its anonymous volumes along; for who has to end one
    endpoints: dict[str, Endpoint] = {}  # by network's name; kept while the container runs

    @property
    def way_out(self) -> Endpoint | None:
        """The endpoint with the default route and the published ports."""
        return next((one for one in self.endpoints.values() if one.default_route), None)

    @property
    def running(self) -> bool:
        """As inspect's State.Running: a paused or restarting container counts."""
        return self.status in ALIVE or self.status is Status.RESTARTING

    def with_(self, **changes: object) -> "Container":
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def require_alive(self) -> None:
        """Raises Conflict unless processes of the container exist."""
        if self.status not in ALIVE:
            raise Conflict(f"Container {self.id} is not running")


decode: Final = msgspec.json.Decoder(Container).decode
encode: Final = msgspec.json.Encoder().encode
