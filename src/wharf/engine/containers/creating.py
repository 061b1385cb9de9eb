"""Creation of containers: all that a container has before its first start."""

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import msgspec

from wharf.apitypes.containers import ContainerConfig, Created, HostConfig, LogConfig, NetworkingConfig
from wharf.engine.config import EngineConfig
from wharf.engine.containers import bundling, creation, limits, links, naming, security, sharing, storage
from wharf.engine.containers.mounting import Mounting
from wharf.engine.containers.record import Container
from wharf.engine.containers.removing import Removals
from wharf.engine.containers.resources import devices_of
from wharf.engine.containers.running import Lives, timestamp
from wharf.engine.containers.starting import Places
from wharf.engine.containers.store import ContainerStore, name_taken
from wharf.engine.containers.surroundings import block_devices
from wharf.engine.images.host import host_platform
from wharf.engine.images.images import Images
from wharf.engine.images.record import Image
from wharf.engine.logs import drivers
from wharf.engine.networks.service import Networks
from wharf.engine.userns.service import UserNamespaces
from wharf.errors import Conflict, InvalidArgument, NotFound
from wharf.linux.host import ipv4_forwarding
from wharf.network.settings import Forwarding
from wharf.runtime.host import masked_paths
from wharf.snapshots.contract import Snapshots
from wharf.spec.platform import Platform, fallbacks


@dataclass(slots=True)
class Creations:
    """Makes containers."""

    config: EngineConfig
    places: Places
    store: ContainerStore
    images: Images
    snapshots: Snapshots
    networks: Networks
    mounting: Mounting
    lives: Lives
    removals: Removals
    userns: UserNamespaces
    _random: random.Random = field(default_factory=lambda: random.Random(secrets.randbits(64)))

    async def create(
        self,
        name: str | None,
        config: ContainerConfig,
        host: HostConfig,
        networking: NetworkingConfig,
        platform: str = "",
    ) -> Created:
        """Makes a container that can be started. After a failure there is none."""
        self.lives.starter.hasten()  # docker run starts it next
        chosen = naming.parse(name) if name else self._free_name()
        image, foreign = self._image(config.image, platform)
        merged = creation.merge(self.userns.with_user(config, host), image.config.config)
        host, networking = links.placed(host, networking)
        host, warnings = self.accepted(merged, host)
        await self.userns.require(host)
        size = self._storage_size(host)
        networking = self.networks.place(host.network_mode, networking)
        id = secrets.token_hex(32)
        host_named = self.with_hostname(merged, host, id)
        entrypoint = [*(merged.entrypoint or ()), *(merged.cmd or ())]
        container = Container(
            id=id,
            name=chosen,
            created=timestamp(),
            image=image.id,
            path=entrypoint[0],
            args=entrypoint[1:],
            config=host_named,
            host=host,
            networking=networking,
        )
        if holder := self.store.by_name(chosen):
            raise Conflict(name_taken(chosen, holder.id))
        with ExitStack() as held:
            container = container.with_(id_mapping=held.enter_context(self.userns.reserved(host)))
            container = await self._make(container, image, held, size)
        self.lives.publish("create", container)
        return Created(id=id, warnings=[*foreign, *warnings])

    async def _make(self, container: Container, image: Image, held: ExitStack, size: int) -> Container:
        """Makes all that the container has on disk, then its record. After a failure nothing is left."""
        try:
            await self.snapshots.create(container.id, image.layers, size=size)
            unfilled = []
            async for made in self.mounting.points(container, held):
                container = container.with_mount(made.point, made.detail)
                unfilled += [made.point] if made.unfilled else []
            await self.mounting.fill(container.id, unfilled)
            self.places.directory(container.id).mkdir(mode=0o710, parents=True)
            self.store.add(container)
        except BaseException:
            held.close()
            await self.removals.discard(container, volumes=True)
            raise
        return container

    def _storage_size(self, host: HostConfig) -> int:
        """Bytes that the writable layer may take, 0 without a limit. Raises EngineError, also where none can be had."""
        asked = storage.size_asked(host.storage_opt)
        if not asked:
            return self.config.storage_size
        self.snapshots.require_limits()
        return storage.bytes_of(asked)

    def _image(self, name: str, platform: str) -> tuple[Image, list[str]]:
        """The image, with a warning when only an emulator can run its programs and nobody has asked for that."""
        if not name:
            raise InvalidArgument("Config.Image: no image specified")
        image, here = self.images.get(name), host_platform()
        actual = Platform.normalised(image.config.os, image.config.architecture, image.config.variant)
        if platform and actual not in fallbacks(wanted := Platform.parse(platform, here)):
            reason = f"its platform ({actual}) does not match the specified platform ({wanted})"
            raise NotFound(f"image with reference {name} was found but {reason}")
        if platform or actual in fallbacks(here):
            return image, []
        where = f"the detected host platform ({here}) and no specific platform was requested"
        return image, [f"The requested image's platform ({actual}) does not match {where}"]

    def _free_name(self) -> str:
        attempt = 0
        while True:
            name = naming.generate(self._random.getrandbits(32), attempt)
            if self.store.by_name(name) is None:
                return name
            attempt = self._random.randrange(10) if attempt < 20 else self._random.getrandbits(30)

    def accepted(self, config: ContainerConfig, host: HostConfig) -> tuple[HostConfig, list[str]]:
        """The host's configuration with what dockerd fills in, and warnings. Raises the fault of what cannot be."""
        security.check(host, self.lives.starter.host.facts)
        host = sharing.resolved(security.with_labels(self._with_defaults(host)), self.store.search)
        self.userns.check(host)
        host, warnings = self._keepable(host)
        warnings += creation.check(config, host)
        self._check_runtime(host.runtime)
        return links.resolved(host, self.store.find), warnings

    def _with_defaults(self, host: HostConfig) -> HostConfig:
        """What dockerd fills in and shows in inspect."""
        starter, logs = self.lives.starter, self.config.logs
        return msgspec.structs.replace(
            host,
            log_config=drivers.with_defaults(host.log_config, LogConfig(type=logs.driver, config=dict(logs.options))),
            network_mode=host.network_mode or "default",
            oom_kill_disable=bool(host.oom_kill_disable),
            ipc_mode=host.ipc_mode or self.config.default_ipc_mode,
            cgroupns_mode=host.cgroupns_mode
            or creation.cgroup_namespace(
                self.config.default_cgroupns_mode, host, unified=self.lives.starter.host.unified
            ),
            **creation.hidden_paths(host, masked_paths()),
            runtime=host.runtime or starter.default_runtime,
            shm_size=host.shm_size or self.config.shm_size,
            restart_policy=msgspec.structs.replace(host.restart_policy, name=host.restart_policy.name or "no"),
        )

    def _keepable(self, host: HostConfig) -> tuple[HostConfig, list[str]]:
        """The request with what this machine can keep of it, and warnings about the rest."""
        machine = self.lives.starter.host
        host, warnings = limits.keepable(host, machine.features, cpus=os.cpu_count() or 1)
        block_devices(devices_of(host))
        machine.cgroup_parent(host)
        return host, [*warnings, *bundling.lacking(host, machine.facts), *self._cut_off(host)]

    def _cut_off(self, host: HostConfig) -> Iterator[str]:
        """Looked at only where it is not this daemon that makes the host forward."""
        concerned = self.config.bridge.forwarding is Forwarding.LEFT_ALONE and host.network_mode not in ("host", "none")
        if concerned and not ipv4_forwarding():
            yield "IPv4 forwarding is disabled. Networking will not work."

    def _check_runtime(self, name: str) -> None:
        if name not in self.config.runtimes:
            raise InvalidArgument(f"unknown or invalid runtime name: {name}")

    def with_hostname(self, config: ContainerConfig, host: HostConfig, id: str) -> ContainerConfig:
        kind, _, other = host.network_mode.partition(":")
        if kind == "container" and (sharing := self.store.search(other)) is not None:
            shared = sharing.config
            return msgspec.structs.replace(config, hostname=shared.hostname, domainname=shared.domainname)
        if not config.hostname:
            name = os.uname().nodename if kind == "host" or host.uts_mode == "host" else id[:12]
            return msgspec.structs.replace(config, hostname=name)
        return config
