"""One start of a container, from its record to a running process. Each step can be undone; a failure undoes all."""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from wharf.engine.config import EngineConfig
from wharf.engine.containers import bundling, etc_files, links, sysctls
from wharf.engine.containers.live import Live
from wharf.engine.containers.mounting import Mounting
from wharf.engine.containers.record import ALIVE, Container, Status
from wharf.engine.containers.sharing import Sharing
from wharf.engine.containers.sources import Sources, Viewer
from wharf.engine.containers.store import ContainerStore
from wharf.engine.containers.surroundings import Host, View
from wharf.engine.containers.terminal import console_size
from wharf.engine.containers.user_namespace import entered
from wharf.engine.logs import drivers
from wharf.engine.logs.about import About
from wharf.engine.networks import resolvers
from wharf.engine.networks.resolvers import HOST_RESOLV_CONF
from wharf.engine.networks.sandboxes import Sandboxes
from wharf.engine.userns.service import UserNamespaces
from wharf.engine.volumes import Volumes
from wharf.errors import EngineError, told_as
from wharf.linux import cgroups
from wharf.linux.files import rewrite
from wharf.linux.listener import Listener
from wharf.network.contract import Endpoint
from wharf.runtime import records
from wharf.runtime.bundle import with_user_namespace
from wharf.runtime.config_json import config_json
from wharf.runtime.contract import Launch, Log, Monitor, Monitors, UserNamespace
from wharf.snapshots.contract import Snapshots

log = logging.getLogger(__name__)

#: Characters of a running container's /etc/hosts that we would change: it is its own to write to.
_LARGEST_ETC: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Places:
    """Where a container's files are."""

    directories: Path  # of the containers' own files
    bundles: Path

    @classmethod
    def below(cls, data_root: Path, exec_root: Path) -> "Places":
        return cls(data_root / "containers", exec_root / "containers")

    def directory(self, id: str) -> Path:
        """The container's own files: its log and what is bound to /etc."""
        return self.directories / id

    def bundle(self, id: str) -> Path:
        """What its shim and the OCI runtime need while it runs."""
        return self.bundles / id


@dataclass(slots=True)
class Starter:
    """Starts containers; the caller holds the container's lock and records the result."""

    config: EngineConfig
    places: Places
    store: ContainerStore
    snapshots: Snapshots
    sandboxes: Sandboxes
    monitors: Monitors
    volumes: Volumes
    mounting: Mounting
    sources: Sources
    host: Host
    userns: UserNamespaces
    default_runtime: str  # a name in the configuration's runtimes
    helper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "hasten"))
    _hastening: "asyncio.Future[None] | None" = None

    def hasten(self) -> None:
        """A start comes soon: takes the kernel's wait before it, in the background. One wait does for many starts."""
        if self._hastening is None or self._hastening.done():
            loop = asyncio.get_running_loop()
            self._hastening = loop.run_in_executor(self.helper, cgroups.hasten_moves, self.host.own_procs)

    async def start(self, container: Container, live: Live) -> tuple[Monitor, Container]:
        """Returns when the process runs. After a failure nothing of the start is left; the record is the caller's."""
        bundle = self.places.bundle(container.id)
        self.hasten()
        # `held` is given back when the process runs, too: by then it has its own.
        async with AsyncExitStack() as made, AsyncExitStack() as held:
            await self._make_bundle(bundle)
            made.push_async_callback(self.monitors.remove, bundle)
            endpoints, listeners = await self._reserve(container, made)
            container = container.with_(endpoints=endpoints)
            # The intent: a daemon that comes back finds the address and the ports of a shim that it finds running.
            self._note_start(container)
            launch, view = await self._launch(container, bundle, made, held)
            monitor = await self.monitors.create(launch)
            made.callback(monitor.close)
            made.callback(self.sandboxes.resolvers.close, container.id)
            # Meanwhile the shim makes its mounts, and the kernel the interfaces.
            connecting = asyncio.ensure_future(self._connect(container, monitor, made))
            made.push_async_callback(_cut_off, connecting)
            await asyncio.sleep(0)  # it has begun
            (bundle / records.CONFIG).write_bytes(await self._config(container, launch, view))
            connected = await connecting
            if connected != endpoints:  # some addresses are known only now
                container = container.with_(endpoints=connected)
                self._note_start(container)
            await self._connect_early(live, monitor)
            await monitor.run(listeners)
            for listener in listeners:
                listener.socket.close()
            made.pop_all()
        return monitor, container.with_(resolver=self.sandboxes.resolvers.ports(container.id))

    def _note_start(self, container: Container) -> None:
        """Where a container will be found: in its record, its own files, and those of who is linked to it."""
        self.store.update(container)
        self.write_etc_files(container)
        self._tell_owners_of_links(container)

    async def edited(self, container: Container) -> Container:
        """With the settings that its edit wants: recorded, and the volumes filled that it adds. It does not run."""
        if container.edit is None or container.edit.tried:
            return container
        await self.mounting.fill(container.id, container.edit.unfilled)
        self.store.update(tried := container.trying_edit())
        return tried

    async def release(self, container: Container) -> None:
        """Undoes a start whose process has ended."""
        await self.sandboxes.release(container)
        for mount in container.mounts:
            if mount.type == "volume":
                await self.volumes.detach(mount, container.id)
        await self.monitors.remove(self.places.bundle(container.id))

    async def _make_bundle(self, bundle: Path) -> None:
        try:
            bundle.mkdir(parents=True, mode=0o700)
        except FileExistsError:
            # Left by a start that this daemon's predecessor did not finish.
            await self.monitors.remove(bundle)
            bundle.mkdir(parents=True, mode=0o700)

    async def _reserve(
        self, container: Container, made: AsyncExitStack
    ) -> tuple[dict[str, Endpoint], Sequence[Listener]]:
        if bundling.network_kind(container) != "bridge":
            return {}, ()
        with told_as("failed to set up container networking"):
            return await self.sandboxes.reserve(container, made)

    def write_etc_files(self, container: Container) -> None:
        """The files bound to /etc; a container that shares another's network shares these too."""
        if bundling.network_kind(container) == "container":
            return
        directory = self.places.directory(container.id)
        directory.mkdir(mode=0o710, parents=True, exist_ok=True)
        host, config = container.host, container.config
        on_host = bundling.network_kind(container) == "host"
        gateway = self.config.host_gateway_ip or self.sandboxes.networks.host_gateway
        if not gateway and container.way_out is not None:
            gateway = container.way_out.router
        linked = links.hosts_lines(links.linked(container, self.store.get, all_run=True))
        addresses = [address for endpoint in container.endpoints.values() for address in endpoint.addresses]
        texts = {
            "hostname": f"{config.hostname}\n",
            "hosts": self._hosts_of_host(host.extra_hosts)
            if on_host
            else etc_files.hosts(config.hostname, config.domainname, addresses, host.extra_hosts, gateway, linked),
            "resolv.conf": self.resolv_conf(container),
        }
        for name, text in texts.items():
            # In place, not by rename: a bind mount would keep showing the old file.
            rewrite(directory / name, text)

    def _tell_owners_of_links(self, container: Container) -> None:
        """Those who are linked to it, and run, learn its new address."""
        for owner in self.store.linked_to(container.id):
            hosts = self.places.directory(owner.id) / "hosts"
            if owner.status in ALIVE and hosts.exists():
                lines = links.hosts_lines(links.linked(owner, self._starting(container), all_run=False))
                _change(hosts, partial(links.relinked, lines=lines))

    def _starting(self, container: Container) -> Callable[[str], Container | None]:
        """The records, with this container as it will be in a moment."""
        soon = container.with_(status=Status.RUNNING)
        return lambda id: soon if id == container.id else self.store.get(id)

    def link_variables(self, container: Container, *, all_run: bool = False) -> tuple[str, ...]:
        """What tells a process of the containers that its own is linked to; see links.linked()."""
        return tuple(links.variables(container, links.linked(container, self.store.get, all_run=all_run)))

    def note_addresses(self, container: Container) -> None:
        """The networks of a running container have changed: its /etc/hosts has its addresses, resolv.conf its resolver.

        Both only where they are not so already: the rest of them is the container's own business.
        """
        if bundling.network_kind(container) != "bridge":
            return
        hosts, resolver = (self.places.directory(container.id) / name for name in ("hosts", "resolv.conf"))
        config = container.config
        addresses = [address for endpoint in container.endpoints.values() for address in endpoint.addresses]
        _change(
            hosts,
            lambda text: etc_files.with_addresses(
                text, config.hostname, config.domainname, addresses, container.host.extra_hosts
            ),
        )
        if (etc_files.EMBEDDED in _beginning(resolver)) != resolvers.needed(container):
            rewrite(resolver, self.resolv_conf(container))

    def resolv_conf(self, container: Container) -> str:
        """The container's, as its networks are now."""
        host = container.host
        return etc_files.resolv_conf(
            _read(HOST_RESOLV_CONF),
            keep_loopback=bundling.network_kind(container) == "host",
            servers=host.dns or self.config.dns,
            search=host.dns_search or self.config.dns_search or resolvers.search(container),
            options=host.dns_options or self.config.dns_options,
            embedded=resolvers.needed(container),
        )

    @staticmethod
    def _hosts_of_host(extra: Sequence[str]) -> str:
        added = "".join(f"{ip}\t{name}\n" for ip, name in (etc_files.split_extra_host(e, "127.0.0.1") for e in extra))
        return _read(Path("/etc/hosts")) + added

    async def _connect(self, container: Container, monitor: Monitor, made: AsyncExitStack) -> dict[str, Endpoint]:
        """The container's endpoints once they are connected."""
        if monitor.network is None:
            return container.endpoints
        with told_as("failed to set up container networking"):
            return await self.sandboxes.connect(container, monitor.network, made)

    async def _launch(
        self, container: Container, bundle: Path, made: AsyncExitStack, held: AsyncExitStack
    ) -> tuple[Launch, View]:
        """What the shim needs, less its config.json, and what that is made of. Volumes are mounted."""
        sharing = Sharing(self.store.find, self.places.bundle)
        joined = sharing.join(container, held)
        etc = self.places.directory(joined.network_of.id if joined.network_of else container.id)
        userns = self._user_namespace(container, etc, sharing, held)
        user = await self.host.own_user(container)
        viewer = Viewer((user.uid, user.gid), userns.mapping if userns else None)
        sources = await self.sources.opened(container, viewer, volumes=made, held=held)
        launch = Launch(
            id=container.id,
            bundle=bundle,
            root=self.snapshots.of(container.id).root(),
            runtime=self.config.runtimes[container.host.runtime or self.default_runtime],
            log=self._log(container),
            tty=container.config.tty,
            stdin=container.config.open_stdin,
            stdin_once=container.config.stdin_once,
            console_size=console_size(container.host.console_size),
            new_network=bundling.network_kind(container) == "bridge",
            user=userns,
            cgroups_path=self.host.cgroups_path(container.id, container.host),
            network_sysctls=sysctls.of_network(container.host),
            joined_shm=joined.shm,
            mounts=tuple(sources.mounts.values()),
            forget=tuple(self.volumes.mounted_paths()),
        )
        return launch, View(joined, etc, user, sources)

    async def _config(self, container: Container, launch: Launch, view: View) -> bytes:
        """The config.json of `launch`."""
        linked = self.link_variables(container, all_run=True)
        around = await self.host.surround(container, launch, view, linked)
        spec, warnings = bundling.spec(container, around, every=self.host.every)
        self.host.grant_realtime(container, cgroups.path_of(spec.cgroups_path))
        for warning in warnings:
            log.warning(warning, extra={"container": container.id})
        if launch.user is not None:
            spec = with_user_namespace(spec, launch.user.mapping, str(launch.bundle / records.USER_NAMESPACE))
        return config_json(spec)

    def _log(self, container: Container) -> Log:
        about = About(container, os.uname().nodename)
        return drivers.plan(about, self.places.directory(container.id))

    def _user_namespace(
        self, container: Container, etc: Path, sharing: Sharing, held: AsyncExitStack
    ) -> UserNamespace | None:
        own = self._own_paths(container, etc)
        return entered(self.userns, container, own, lambda ref: sharing.user_namespace(ref, held))

    def _own_paths(self, container: Container, etc: Path) -> Iterator[str]:
        """What no user of the host owns. Looked for only by who enters a user namespace."""
        yield from (point.source for point in container.mounts if self.volumes.is_own(point))
        # One by one: the shim writes the log, which is beside them, as the host's root.
        yield from (str(etc / name) for name in etc_files.NAMES if (etc / name).exists())

    @staticmethod
    async def _connect_early(live: Live, monitor: Monitor) -> None:
        """Those who attached before the start get every byte: they are connected before the process runs."""
        early, live.early = live.early, []
        try:
            for attachment in early:
                asked = attachment.options
                attachment.connect(await monitor.attach(stdin=asked.stdin, stdout=asked.stdout, stderr=asked.stderr))
        finally:
            # After a failure nobody else knows of the rest: they see the end. Those that are connected keep it.
            for attachment in early:
                attachment.connect(None)


async def _cut_off(task: "asyncio.Future[dict[str, Endpoint]]") -> None:
    """Returns when it has ended, by itself or by this: then what it worked with may go."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _beginning(path: Path) -> str:
    """Of a file that its container may have made as large as it likes."""
    try:
        with path.open(errors="replace") as file:
            return file.read(_LARGEST_ETC + 1)
    except OSError:
        return ""


def _change(path: Path, changed: Callable[[str], str]) -> None:
    """Gives a running container's file other contents. One that it has made huge is its own business."""
    before = _beginning(path)
    if len(before) <= _LARGEST_ETC and (after := changed(before)) != before:
        rewrite(path, after)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def remove_tree(path: Path) -> None:
    """Removes a directory of ours; nothing there is fine."""
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        raise EngineError(f"cannot remove {path}")
