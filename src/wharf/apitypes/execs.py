"""The API's section Exec. Source: Docker Engine API 1.54."""

import msgspec

from wharf.apitypes.containers import Wire, named


class ExecConfig(Wire, frozen=True, kw_only=True):
    """POST /containers/{name}/exec: a further process in a container."""

    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[int] = []  # height, width
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    detach_keys: str = ""
    env: list[str] = []
    working_dir: str = ""
    cmd: list[str] = []


class ExecStart(Wire, frozen=True, kw_only=True):
    """POST /exec/{id}/start. `tty` says whether the output comes as it is; else it comes in frames."""

    detach: bool = False
    tty: bool = False
    console_size: list[int] = []


class ExecCreated(Wire, frozen=True, kw_only=True):
    id: str


class ExecProcessConfig(msgspec.Struct, frozen=True, kw_only=True):
    tty: bool
    entrypoint: str
    arguments: list[str]
    privileged: bool
    user: str | msgspec.UnsetType = msgspec.UNSET


class ExecInspect(Wire, frozen=True, kw_only=True):
    """GET /exec/{id}/json. `exit_code` is null until the process has ended."""

    id: str = named("ID")
    running: bool
    exit_code: int | None
    process_config: ExecProcessConfig
    open_stdin: bool
    open_stderr: bool
    open_stdout: bool
    can_remove: bool = False
    container_id: str = named("ContainerID")
    detach_keys: bytes = b""  # base64 in JSON
    pid: int = 0
