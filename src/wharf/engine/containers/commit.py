"""An image of what a container has become: `docker commit`."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from wharf.apitypes.containers import ContainerConfig
from wharf.engine.containers import creation
from wharf.engine.containers.archive import Files
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.running import Lives
from wharf.engine.containers.stopping import Stops
from wharf.engine.containers.store import ContainerStore
from wharf.engine.images.changes import apply_changes
from wharf.engine.images.committing import NewLayer
from wharf.engine.images.images import Images
from wharf.errors import Conflict, InvalidArgument
from wharf.snapshots.layer_packing import packed_layer
from wharf.spec.image_config import Healthcheck, RunConfig
from wharf.spec.reference import Reference


@dataclass(slots=True)
class Commits:
    store: ContainerStore
    lives: Lives
    stops: Stops
    files: Files
    images: Images

    async def commit(
        self,
        ref: str,
        *,
        repository: str = "",
        tag: str = "",
        author: str = "",
        comment: str = "",
        changes: Sequence[str] = (),
        config: ContainerConfig | None = None,
        pause: bool = True,
    ) -> str:
        """The new image's id. `config` goes before the container's own, `changes` are Dockerfile instructions.

        Raises NoSuchContainer, InvalidArgument, Conflict, NoSuchImage (the container's was removed by force).
        """
        name = _reference(repository, tag)
        container = self.store.find(ref)
        if container.status in (Status.REMOVING, Status.DEAD):
            raise Conflict(f"You cannot commit container {container.id} which is being removed")
        run = changed_config(run_config(container.config, config), changes)
        async with self._still(container, pause=pause):
            image = await self.images.commit(
                container.image,
                NewLayer(
                    tar=await self._tar(container),
                    run=run,
                    created_by=" ".join(container.config.cmd or ()),
                    author=author,
                    comment=comment,
                ),
                name,
            )
            self.lives.publish(
                "commit", container, comment=comment, imageID=image.id, imageRef=name.familiar if name else ""
            )
        return image.id

    @asynccontextmanager
    async def _still(self, container: Container, *, pause: bool) -> AsyncIterator[None]:
        """Freezes a running container for the block, so that no file is caught half written."""
        if not pause or self.lives.current(container.id).status is not Status.RUNNING:
            yield
            return
        await self.stops.pause(container, for_commit=True)
        try:
            yield
        finally:
            if self.lives.current(container.id).status is Status.PAUSED:
                await self.stops.unpause(container)

    async def _tar(self, container: Container) -> Iterator[bytes] | None:
        found = await self.files.difference(container)
        if not found.changes:
            return None
        writable = self.files.snapshots.of(container.id)
        return packed_layer(writable.diff, found, whole=writable.whole)


def _reference(repository: str, tag: str) -> Reference | None:
    if not repository:
        return None
    name = Reference.parse(repository)
    if name.digest is not None:
        raise InvalidArgument("cannot import digest reference")
    return name.tagged(tag) if tag else name.with_default_tag()


def changed_config(run: RunConfig, changes: Sequence[str]) -> RunConfig:
    """With the changes, and the container's command where they leave none: as dockerd merges them once more."""
    changed = apply_changes(run, changes)
    if changed.cmd or changed.entrypoint != run.entrypoint:
        return changed
    return msgspec.structs.replace(changed, cmd=run.cmd)


def run_config(container: ContainerConfig, wanted: ContainerConfig | None = None) -> RunConfig:
    """What containers of the image will run: as this one, but what `wanted` says goes first."""
    wanted = wanted or ContainerConfig()
    health = wanted.healthcheck or container.healthcheck
    return RunConfig(
        user=wanted.user or container.user,
        exposed_ports=container.exposed_ports | wanted.exposed_ports,
        env=creation.merge_environment(wanted.env, container.env),
        entrypoint=wanted.entrypoint or container.entrypoint,
        cmd=wanted.cmd or (None if wanted.entrypoint else container.cmd),
        healthcheck=Healthcheck(**msgspec.structs.asdict(health)) if health else None,
        args_escaped=wanted.args_escaped or container.args_escaped,
        volumes=container.volumes | wanted.volumes,
        working_dir=wanted.working_dir or container.working_dir,
        on_build=wanted.on_build or container.on_build,
        labels=container.labels | wanted.labels,
        stop_signal=wanted.stop_signal or container.stop_signal,
        stop_timeout=container.stop_timeout if wanted.stop_timeout is None else wanted.stop_timeout,
        shell=wanted.shell or container.shell,
    )
