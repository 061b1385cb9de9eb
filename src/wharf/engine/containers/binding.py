"""Directories of the host in a container."""

import os
from pathlib import Path

from wharf.apitypes.containers import MountPoint
from wharf.engine.containers import mounts
from wharf.engine.containers.bundling import NON_RECURSIVE
from wharf.errors import InvalidArgument


def bind_point(request: mounts.MountRequest) -> MountPoint:
    """The mount point of a bind; its source is made where -v asks for that. Raises InvalidArgument without one."""
    if not os.path.lexists(request.source):
        if not request.create_source:
            raise InvalidArgument(
                f'invalid mount config for type "bind": bind source path does not exist: {request.source}'
            )
        Path(request.source).mkdir(mode=0o755, parents=True, exist_ok=True)
    return MountPoint(
        type="bind",
        source=request.source,
        destination=request.target,
        mode=request.mode if request.recursive else NON_RECURSIVE,
        rw=not request.read_only,
        propagation=request.propagation,
    )
