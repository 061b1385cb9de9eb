"""What the engine remembers of a container. One JSON document in the database; every change makes a new value."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig, MountPoint, NetworkingConfig
from wharf.engine.containers.mount_request import Depth
from wharf.errors import Conflict
from wharf.network.contract import Endpoint, PublishedPort
from wharf.spec.id_mapping import IdMapping

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

#: What somebody is doing with a container in several steps, for the next engine to go on with: it is stopped to be
#: started again, or frozen while an image is made of it.
Unfinished = Literal["", "restart", "commit"]


class MountDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What inspect does not show of a mount, and its start has to know."""

    recursive: bool = True  # with what is mounted below its source
    depth: Depth = "usual"  # of what is read-only
    propagation_asked: bool = False
    subpath: str = ""  # only this part of the source
    snapshot: str = ""  # of an image: the writable layer over it
    idmap: str | None = None  # how owners are mapped; see idmaps


PLAIN: Final = MountDetail()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit can change of a container; the members are the container's."""

    path: str
    args: list[str]
    config: ContainerConfig
    host: HostConfig
    mounts: list[MountPoint] = []
    mount_details: dict[str, MountDetail] = {}


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """An edit that the container's next start tries. The record has both settings until a start has succeeded."""

    other: Settings  # those that are wanted; while it is `tried`, those from before
    unfilled: list[MountPoint] = []  # new volumes that are to get what the container has in their places
    tried: bool = False
    restart: bool = False  # the container runs and is to run again: who asked stops and starts it, else the next daemon


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
    mount_details: dict[str, MountDetail] = {}  # by mount point; those that are not plain
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
    id_mapping: IdMapping | None = None  # of the user namespace that it asked for; it has it until its removal
    endpoints: dict[str, Endpoint] = {}  # by network's name; kept while the container runs
    parked_ports: list[PublishedPort] = []  # published, but no network of the container can at present
    resolver: tuple[int, int] | None = None  # its ports in the container's network while it runs, by UDP and by TCP
    edit: Edit | None = None
    unfinished: Unfinished = ""

    def detail(self, target: str) -> MountDetail:
        """What there is to know of the mount at `target`."""
        return self.mount_details.get(target, PLAIN)

    @property
    def snapshots(self) -> Sequence[str]:
        """The writable layers that go when it goes."""
        details = [*self.mount_details.values(), *(self.edit.other.mount_details.values() if self.edit else ())]
        return [self.id, *dict.fromkeys(detail.snapshot for detail in details if detail.snapshot)]

    @property
    def way_out(self) -> Endpoint | None:
        """The endpoint with the default route, that of IPv4 if there is one; None where no way leads out."""
        ways = sorted((one for one in self.endpoints.values() if one.leads_out), key=lambda one: not one.default_route)
        return ways[0] if ways else None

    @property
    def running(self) -> bool:
        """As inspect's State.Running: a paused or restarting container counts."""
        return self.status in ALIVE or self.status is Status.RESTARTING

    @property
    def settings(self) -> Settings:
        return Settings(
            path=self.path,
            args=self.args,
            config=self.config,
            host=self.host,
            mounts=self.mounts,
            mount_details=self.mount_details,
        )

    @property
    def all_mounts(self) -> list[MountPoint]:
        """Also those of the settings that it does not have yet, or may get back."""
        return [*self.mounts, *(self.edit.other.mounts if self.edit else ())]

    def with_settings(self, settings: Settings, edit: Edit | None = None) -> "Container":
        return self.with_(
            path=settings.path,
            args=settings.args,
            config=settings.config,
            host=settings.host,
            mounts=settings.mounts,
            mount_details=settings.mount_details,
            edit=edit,
        )

    def trying_edit(self) -> "Container":
        """With the settings that its edit wants; the ones from before are kept with it."""
        if self.edit is None or self.edit.tried:
            return self
        tried = msgspec.structs.replace(self.edit, other=self.settings, tried=True)
        return self.with_settings(self.edit.other, tried)

    def without_edit(self) -> "Container":
        """As it was before its edit."""
        if self.edit is None or not self.edit.tried:
            return self.with_(edit=None)
        return self.with_settings(self.edit.other)

    def with_mount(self, point: MountPoint, detail: MountDetail) -> "Container":
        """A copy with one mount more."""
        details = self.mount_details if detail == PLAIN else {**self.mount_details, point.destination: detail}
        return self.with_(mounts=[*self.mounts, point], mount_details=details)

    def with_(self, **changes: object) -> "Container":
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def require_alive(self) -> None:
        """Raises Conflict unless processes of the container exist."""
        if self.status is Status.RESTARTING:
            raise Conflict(f"Container {self.id} is restarting, wait until the container is running")
        if self.status not in ALIVE:
            raise Conflict(f"container {self.id} is not running")


decode: Final = msgspec.json.Decoder(Container).decode
encode: Final = msgspec.json.Encoder().encode
