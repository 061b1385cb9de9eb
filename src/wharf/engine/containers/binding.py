"""Directories of the host in a container."""

import os
from pathlib import Path

from wharf.apitypes.containers import MountPoint
from wharf.engine.containers.mount_request import MountRequest
from wharf.errors import InvalidArgument


def bind_point(request: MountRequest) -> MountPoint:
    """The mount point of a bind; its source is made where -v asks for that. Raises InvalidArgument without one.

    Blocks, for ever when the source is on a server that does not answer.
    """
    if not os.path.lexists(request.source):
        if not request.create_source:
            raise InvalidArgument(
                f'invalid mount config for type "bind": bind source path does not exist: {request.source}'
            )
        _make_source(request.source)
    return MountPoint(
        type="bind",
        source=request.source,
        destination=request.target,
        mode=request.mode,
        rw=not request.read_only,
        propagation=request.propagation or "rprivate",
    )


def _make_source(source: str) -> None:
    try:
        Path(source).mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"mkdir {error.filename}: {(error.strerror or str(error)).lower()}"
        raise InvalidArgument(f"error while creating mount source path '{source}': {reason}") from None
