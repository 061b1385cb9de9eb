"""Where the mounts of a container come from now: volumes are mounted, what a path cannot name for sure is opened."""

import asyncio
import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from wharf.apitypes.containers import MountPoint
from wharf.engine.containers import idmaps
from wharf.engine.containers.idmaps import Idmap
from wharf.engine.containers.record import Container, MountDetail
from wharf.engine.volumes import Volumes
from wharf.errors import EngineError, InvalidArgument, NotFound
from wharf.linux import detached, files, mountinfo, user_namespaces
from wharf.linux.inside import opened, opened_beneath, opened_within
from wharf.linux.mounts import restrictions
from wharf.runtime import records
from wharf.snapshots.contract import Snapshots
from wharf.spec.id_mapping import IdMapping
from wharf.volumes.threads import Runner, opened_aside

_SHARED = frozenset({"shared", "rshared"})
_SLAVE = frozenset({"slave", "rslave"})


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who sees the mounts."""

    user: tuple[int, int]  # uid and gid in the container, for which idmapped binds are
    mapping: IdMapping | None = None  # of the container's user namespace


@dataclass(slots=True)
class Opened:
    """The sources of one container's mounts, by mount point."""

    paths: dict[str, str] = field(default_factory=dict)  # of volumes, where they are mounted now
    mounts: dict[str, int] = field(default_factory=dict)  # descriptors of mounts that are nowhere yet
    restrictions: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what the host's mounts do not allow
    files: frozenset[str] = frozenset()  # sources, as the record has them, of read-only mounts that are no directories


@dataclass(slots=True)
class Sources:
    snapshots: Snapshots
    volumes: Volumes
    plugins: Path  # whatever is below is what plugins have made there

    async def opened(
        self,
        container: Container,
        viewer: Viewer,
        *,
        volumes: AsyncExitStack,
        held: AsyncExitStack,
        by: str = "",
    ) -> Opened:
        """Opens what the mounts of `container` show to `viewer`.

        Volumes stay mounted for `by`, else for the container, until `volumes` ends, descriptors open until `held` does.
        Raises NotFound, InvalidArgument, EngineError; after that nothing is mounted.
        """
        found = Opened()
        await self._check_propagation(container)
        for point in container.mounts:
            source = point.source
            if point.type == "volume":
                detach = partial(self.volumes.detach, point, by or container.id)
                try:
                    source = await self.volumes.attach(point, by or container.id)
                except asyncio.CancelledError:
                    await detach()  # it may have been mounted by then
                    raise
                volumes.push_async_callback(detach)
                if source != point.source:
                    found.paths[point.destination] = source
            detail = container.detail(point.destination)
            if _needs_mount(detail) or self._is_of_plugin(source):
                own = self.volumes.is_own(point)
                work = partial(self._open, source, detail, viewer, own=own)
                found.mounts[point.destination] = await opened_aside(work, held, self._aside(point))
        points = [point for point in container.mounts if point.type in ("bind", "volume")]
        kinds = await asyncio.gather(*(self._look(point, found.paths.get(point.destination)) for point in points))
        found.restrictions = {point.destination: kind.restrictions for point, kind in zip(points, kinds, strict=True)}
        found.files = frozenset(p.source for p, kind in zip(points, kinds, strict=True) if not p.rw and kind.is_file)
        return found

    def _aside(self, point: MountPoint) -> Runner:
        """Runs what asks the file system of a mount's source, which may be another machine's and never answer."""
        return self.volumes.drivers.aside.at(point.source)

    async def _look(self, point: MountPoint, path: str | None) -> "_Kind":
        """What is at the source of a mount: at `path`, or where the record says."""
        work = partial(_kind, path or point.source)
        return work() if self.volumes.is_own(point) else await self._aside(point)(work)

    async def _check_propagation(self, container: Container) -> None:
        """What a bind shares with the host, the host must be ready to share."""
        for point in container.mounts:
            if point.type == "bind" and point.propagation in _SHARED | _SLAVE:
                await self._aside(point)(partial(_check_shared, point))

    def _open(self, source: str, detail: MountDetail, viewer: Viewer, *, own: bool) -> int:
        """`own` is said of what only containers write: for a container its owners are those on disk."""
        try:
            if detail.snapshot:
                return self._open_image(detail, viewer.mapping)
            with self._found(source) as top:
                if not detail.subpath:
                    return _copied(top, detail, viewer, own=own)
                with opened_within(top, detail.subpath) as inner:
                    return _copied(inner, detail, viewer, own=own)
        except OSError as error:
            raise _told(error, source, detail) from error

    def _is_of_plugin(self, source: str) -> bool:
        return mountinfo.is_below(source, str(self.plugins))

    @contextmanager
    def _found(self, source: str) -> Iterator[int]:
        """What is at a path of the host. A plugin may change its own at any time: none of its links is followed."""
        if self._is_of_plugin(source):
            with opened(self.plugins) as root, opened_beneath(root, source.removeprefix(f"{self.plugins}/")) as place:
                yield place
        else:
            with opened(source) as place:
                yield place

    def _open_image(self, detail: MountDetail, mapping: IdMapping | None) -> int:
        root = self.snapshots.of(detail.snapshot).root()
        target = root.directory / "tmp"
        if mapping is None:
            return files.detached_mount(root, target, detail.subpath)
        with _namespace(idmaps.of_namespace(mapping)) as namespace:
            return files.detached_mount(root, target, detail.subpath, (namespace, mapping.root))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Of the source of a mount."""

    restrictions: tuple[str, ...] = ()  # as options of mount(8)
    is_file: bool = False


def _kind(path: str) -> _Kind:
    """What is not there is the runtime's to tell. Blocks."""
    try:
        return _Kind(restrictions(path), not Path(path).is_dir())
    except OSError:
        return _Kind(is_file=True)


def _needs_mount(detail: MountDetail) -> bool:
    """Whether the path of its source does not say enough to the runtime.

    crun up to 1.8 binds all that is mounted below, whatever it is told.
    """
    return bool(detail.subpath or detail.snapshot or detail.idmap is not None or not detail.recursive)


def _copied(place: int, detail: MountDetail, viewer: Viewer, *, own: bool) -> int:
    """A mount that is nowhere yet of what is open as `place`, with the owners that the viewer is to see."""
    mount = detached.clone_open(place, recursive=detail.recursive)
    try:
        idmap = _owners(place, detail, viewer, own=own)
        if idmap is not None:
            with _namespace(idmap) as namespace:
                # What is mounted below a volume is the host's.
                recursive = detail.recursive and detail.idmap is not None
                detached.map_owners(mount, namespace, recursive=recursive)
    except BaseException:
        os.close(mount)
        raise
    return mount


def _owners(place: int, detail: MountDetail, viewer: Viewer, *, own: bool) -> Idmap | None:
    """How owners on disk become users of the host; None leaves them as they are."""
    if detail.idmap is None:
        return idmaps.of_namespace(viewer.mapping) if own and viewer.mapping is not None else None
    owner = os.fstat(place)
    asked = idmaps.parse(detail.idmap) or idmaps.owner_for_user((owner.st_uid, owner.st_gid), viewer.user)
    return idmaps.seen_in(asked, viewer.mapping) if viewer.mapping is not None else asked


@contextmanager
def _namespace(idmap: Idmap) -> Iterator[int]:
    uids, gids = idmaps.kernel_map(idmap.uids), idmaps.kernel_map(idmap.gids)
    namespace = user_namespaces.make(uids, gids, network=False).user
    try:
        yield namespace
    finally:
        os.close(namespace)


def _told(error: OSError, source: str, detail: MountDetail) -> EngineError:
    """dockerd's words, where it has any."""
    reason = (error.strerror or str(error)).lower()
    whole = f"{source}/{detail.subpath}" if detail.subpath else source
    if detail.idmap is not None and error.errno in (errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM):
        return InvalidArgument(f"owners of {source} cannot be mapped: its file system, or one below it, cannot do that")
    if error.errno == errno.EXDEV:
        return InvalidArgument(
            f"path concatenation escapes the base directory, base: {source}, subpath: {detail.subpath}"
        )
    if error.errno == errno.ENOENT:
        return NotFound(f"cannot access path {whole}: lstat {whole}: {reason}")
    return EngineError(f'error while resolving symlinks in combined path "{whole}": {reason}')


def _check_shared(point: MountPoint) -> None:
    """Blocks."""
    mount = mountinfo.containing(mountinfo.read(), str(Path(point.source).resolve()))
    if mount.shared or (mount.slave and point.propagation in _SLAVE):
        return
    wanted = "a shared" if point.propagation in _SHARED else "a shared or slave"
    raise EngineError(f"path {point.source} is mounted on {mount.point} but it is not {wanted} mount")


def placed_by_shim(mounts: Mapping[str, int], bundle: Path) -> dict[str, str]:
    """Where the shim of `bundle` puts the mounts that it is given, by mount point."""
    return {target: f"{bundle}/{records.MOUNTS}/{number}" for number, target in enumerate(mounts)}
