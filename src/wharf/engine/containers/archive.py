"""Files into and out of containers, running or not: `docker cp`, `docker export`, `docker diff`."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from wharf.apitypes.archive import FileChange, PathStat
from wharf.engine.archive import Archive, path_stat, told_apart
from wharf.engine.containers import namespaces
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.running import Lives
from wharf.engine.containers.sources import Sources, Viewer
from wharf.engine.containers.starting import Places
from wharf.engine.containers.store import ContainerStore
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound
from wharf.snapshots import views
from wharf.snapshots.changes import Difference, difference
from wharf.snapshots.contract import Snapshots
from wharf.snapshots.views import Bind, View


@dataclass(slots=True)
class Files:
    """The files of all containers. A container that does not run cannot start while one of these works on it."""

    store: ContainerStore
    lives: Lives
    places: Places
    snapshots: Snapshots
    sources: Sources

    async def stat(self, ref: str, path: str) -> PathStat:
        """Raises NoSuchContainer, NotFound, InvalidArgument."""
        container = self._find(ref, path)
        async with self._view(container) as view:
            with _named(ref, path):
                return path_stat(await views.status(view, path))

    async def read(self, ref: str, path: str) -> Archive:
        """What is at `path`, with all below it. Raises NoSuchContainer, NotFound, InvalidArgument."""
        container = self._find(ref, path)
        async with AsyncExitStack() as held:
            view = await held.enter_async_context(self._view(container))
            with _named(ref, path):
                outgoing = await views.packed(view, path)
            archive = Archive(outgoing, held.pop_all())
        self.lives.publish("archive-path", container)
        return archive

    async def write(
        self,
        ref: str,
        path: str,
        stream: AsyncIterator[bytes],
        *,
        keep_kinds: bool = False,
        as_user: bool = False,
    ) -> None:
        """Unpacks an archive into the directory at `path`; with `as_user` its files belong to the container's user.

        With `keep_kinds` no directory replaces something else, nor is replaced. Raises NoSuchContainer, NotFound,
        InvalidArgument, PermissionDenied where the container may not write; what was written until then stays.
        """
        container = self._find(ref, path)
        compression, whole = await told_apart(stream)
        owner = await self._owner(container) if as_user and container.config.user else None
        async with self._view(container) as view:
            with _named(ref, path):
                try:
                    await views.unpacked(view, path, whole, owner=owner, keep_kinds=keep_kinds, compression=compression)
                except views.ReadOnly:
                    raise views.ReadOnly(_read_only(container, path)) from None
        self.lives.publish("extract-to-dir", container)

    async def export(self, ref: str) -> Archive:
        """The container's root file system without what is mounted on it. Raises NoSuchContainer, Conflict."""
        container = self.store.find(ref)
        if container.status in (Status.REMOVING, Status.DEAD):
            raise Conflict(f"You cannot export container {container.id} which is being removed")
        async with AsyncExitStack() as held:
            view = await held.enter_async_context(self._view(container, bare=True))
            archive = Archive(await views.exported(view), held.pop_all())
        self.lives.publish("export", container)
        return archive

    async def changes(self, ref: str) -> Sequence[FileChange]:
        """What differs from the image, sorted by path. Raises NoSuchContainer."""
        found = await self.difference(self.store.find(ref))
        return [
            FileChange(path=path.encode("utf-8", "replace").decode(), kind=int(kind)) for path, kind in found.ordered()
        ]

    async def difference(self, container: Container) -> Difference:
        """What differs from the image."""
        writable = self.snapshots.of(container.id)
        lower = writable.below()
        try:
            return await asyncio.to_thread(difference, writable.diff, lower, whole=writable.whole)
        except OSError as error:
            raise EngineError(f"cannot compare the container with its image: {error.strerror}") from error

    # ── what a container sees ──

    def _find(self, ref: str, path: str) -> Container:
        if not path:
            raise InvalidArgument("bad parameter: path cannot be empty")
        return self.store.find(ref)

    @asynccontextmanager
    async def _view(self, container: Container, *, bare: bool = False) -> AsyncIterator[View]:
        """The container's own mounts while it runs, else such as it would have; then it cannot start meanwhile."""
        live = self.lives.of(container)
        async with live.lock:
            current = self.lives.current(container.id)
            bundle = self.places.bundle(current.id)
            namespace = namespaces.opened(bundle, "mnt") if current.pid else None
            if namespace is None:
                async with AsyncExitStack() as held:
                    yield await self._still_view(current, held, bare=bare)
                return
            user = namespaces.opened_user(bundle)
        try:
            yield View(namespace=namespace, user_namespace=user, bare=bare)
        finally:
            os.close(namespace)
            if user is not None:
                os.close(user)

    async def _still_view(self, container: Container, held: AsyncExitStack, *, bare: bool) -> View:
        binds = [] if bare else await self._binds(container, held)
        root = self.snapshots.of(container.id).root()
        return View(
            root=root,
            target=root.directory / "tmp",
            binds=sorted(binds, key=lambda bind: bind.target.count("/")),
            read_only=container.host.readonly_rootfs,
        )

    async def _binds(self, container: Container, held: AsyncExitStack) -> list[Bind]:
        """What would be mounted, for as long as `held` holds it."""
        # Only idmapped binds ask who the container's user is; the passwd that says so may be about to be copied in.
        viewer = Viewer(await self._owner(container) if container.host.idmaps else (0, 0))
        opened = await self.sources.opened(container, viewer, volumes=held, held=held, by=f"{container.id}-files")
        return [
            Bind(
                opened.paths.get(point.destination, point.source),
                point.destination,
                read_only=not point.rw,
                recursive=container.detail(point.destination).recursive,
                mount=opened.mounts.get(point.destination),
            )
            for point in container.mounts
            if point.type != "tmpfs"
        ]

    async def _owner(self, container: Container) -> tuple[int, int]:
        user = await self.lives.starter.host.user(container, container.config.user)
        return user.uid, user.gid


@contextmanager
def _named(ref: str, path: str) -> Iterator[None]:
    """Says which file of which container is not there."""
    try:
        yield
    except views.NothingThere:
        raise NotFound(f"Could not find the file {path} in container {ref}") from None


def _read_only(container: Container, path: str) -> str:
    inside = f"/{path.strip('/')}/"
    if any(inside.startswith(f"{point.destination.rstrip('/')}/") for point in container.mounts):
        return "mounted volume is marked read-only"
    return "container rootfs is marked read-only"
