"""The operations on networks that faces call, and the open networks behind them."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network

import msgspec

from wharf.apitypes.containers import EndpointSettings, NetworkingConfig
from wharf.apitypes.networks import IPAM, IPAMConfig, NetworkContainer, NetworkCreateRequest, NetworkInspect
from wharf.db.database import Database
from wharf.engine.config import BridgeConfig
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import asking, attachments, filters
from wharf.engine.networks.record import BUILT_IN, NetworkRecord, decode, encode
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, NotImplementedByUs, PermissionDenied
from wharf.events.bus import Bus
from wharf.linux.nftables import NftablesError
from wharf.linux.nftables_events import FirewallEvents
from wharf.network import coexisting
from wharf.network.bridge import BridgeNetwork
from wharf.network.kernel import Kernel
from wharf.network.watching import FirewallWatch

log = logging.getLogger(__name__)


class Networks:
    """All networks of this engine."""

    def __init__(self, db: Database, config: BridgeConfig, kernel: Kernel, store: ContainerStore, events: Bus) -> None:
        self._db = db
        self._config = config
        self._kernel = kernel
        self._store = store
        self._events = events
        self._records: dict[str, NetworkRecord] = {}
        for (row,) in db.read("SELECT record FROM networks"):
            record = decode(row)
            self._records[record.name] = record
        for name in BUILT_IN:
            if name not in self._records:
                self._add(NetworkRecord(id=secrets.token_hex(32), name=name, created=_now()))
        self.default = BridgeNetwork(self._records["bridge"].id, config, kernel)
        self._open: dict[str, BridgeNetwork] = {"bridge": self.default}
        self._watch: FirewallWatch | None = None

    # ── life ──

    async def open(self) -> None:
        """Makes all bridges. One that cannot be made says so when it is used."""
        await self.default.open()
        for record in self._records.values():
            if not record.built_in:
                await self._open_one(record)
        if self._config.firewall:
            await self._open_firewall()

    async def _open_firewall(self) -> None:
        """The users' own table, and the watch over ours."""
        try:
            await self._kernel.do(lambda: coexisting.make_user_table(self._kernel.nftables()))
            self._watch = FirewallWatch(FirewallEvents(), self.repair)
        except (NftablesError, OSError) as error:
            log.warning("changes of the host's firewall will not be noticed", extra={"reason": str(error)})

    async def repair(self) -> None:
        """After a change of the host's firewall: what it took from our networks is put back."""
        for network in list(self._open.values()):
            try:
                await network.repair()
            except EngineError as error:
                log.warning("a network's firewall is not as it was", extra={"reason": str(error)})

    async def close(self) -> None:
        if self._watch is not None:
            await self._watch.close()
        for network in self._open.values():
            await network.close()

    async def _open_one(self, record: NetworkRecord) -> BridgeNetwork:
        network = BridgeNetwork(
            record.id,
            asking.settings(record, self._config),
            self._kernel,
            name=record.name,
            internal=record.internal,
            reserved=asking.reserved(record),
        )
        self._open[record.name] = network
        await network.open()
        return network

    def _add(self, record: NetworkRecord) -> None:
        with self._db.write(durable=True) as db:
            db.execute(
                "INSERT INTO networks (id, name, record) VALUES (?, ?, ?)", (record.id, record.name, encode(record))
            )
        self._records[record.name] = record

    def _drop(self, record: NetworkRecord) -> None:
        with self._db.write(durable=True) as db:
            db.execute("DELETE FROM networks WHERE id = ?", (record.id,))
        self._records.pop(record.name, None)

    # ── create and remove ──

    async def create(self, asked: NetworkCreateRequest) -> NetworkRecord:
        """Makes a network. After a failure there is none."""
        asking.check(asked)
        if asked.name in self._records:
            raise Conflict(f"network with name {asked.name} already exists")
        on_host = await self._kernel.do(self._kernel.used_networks)
        if asked.name in self._records:  # somebody was quicker
            raise Conflict(f"network with name {asked.name} already exists")
        ipam = asked.ipam or IPAM()
        record = NetworkRecord(
            id=secrets.token_hex(32),
            name=asked.name,
            created=_now(),
            internal=asked.internal,
            attachable=asked.attachable,
            asked_subnet=bool(ipam.config),
            options=asked.options,
            labels=asked.labels,
            ipam=asking.place(ipam, on_host=on_host, ours=self._subnets()),
        )
        holder = next((r.name for r in self._records.values() if not r.built_in and r.bridge == record.bridge), "")
        if holder or record.bridge == self._config.name:
            raise Conflict(f"network device {record.bridge} is in use by network {holder or 'bridge'}")
        # The intent: a daemon that dies now makes the bridge at its next start.
        self._add(record)
        network = await self._open_one(record)
        if network.unavailable:
            del self._open[record.name]
            self._drop(record)
            raise EngineError(f"failed to create network {record.name}: {network.unavailable}")
        self._publish("create", record)
        return record

    def _subnets(self) -> Sequence[IPv4Network]:
        found = [subnet for record in self._records.values() for subnet in asking.subnets(record)]
        return found if self._config.name == "none" else [*found, self.default.subnet]

    async def remove(self, ref: str) -> None:
        """Raises PermissionDenied for one that is always there, or in use."""
        record = self.find(ref)
        if record.built_in:
            raise PermissionDenied(f"{record.name} is a pre-defined network and cannot be removed")
        network = self.opened(record.name)
        if network.in_use:
            raise PermissionDenied(
                f"error while removing network: network {record.name} id {record.id} has active endpoints"
            )
        # Nobody connects to it any more while the bridge goes. The record goes last: a daemon that dies here has the
        # whole network again.
        del self._open[record.name]
        await network.close()
        self._drop(record)
        self._publish("destroy", record)

    async def prune(self, wanted: filters.Filters) -> Sequence[str]:
        """Removes all networks that no container belongs to; their names."""
        matches = filters.prune_matcher(wanted, datetime.now(UTC))
        removed: tuple[str, ...] = ()
        for record in list(self._records.values()):
            if record.built_in or self._members(record.name) or not matches(record):
                continue
            try:
                await self.remove(record.id)
            except (PermissionDenied, NotFound):
                continue  # taken, or removed by somebody else meanwhile
            removed += (record.name,)
        return removed

    def _publish(self, action: str, record: NetworkRecord, **more: str) -> None:
        self._events.publish("network", action, record.id, {"name": record.name, "type": record.driver, **more})

    def publish_connection(self, action: str, name: str, container_id: str) -> None:
        """`connect` or `disconnect`."""
        if (record := self._records.get(name)) is not None:
            self._publish(action, record, container=container_id)

    # ── find ──

    def find(self, ref: str) -> NetworkRecord:
        """By name, id or unique beginning of an id. Raises NotFound."""
        if found := self._records.get(ref):
            return found
        matches = [r for r in self._records.values() if ref and r.id.startswith(ref)]
        exact = next((r for r in matches if r.id == ref), None)
        if exact is None and len(matches) > 1:
            raise InvalidArgument(f"network {ref} is ambiguous ({len(matches)} matches found on ID prefix)")
        if not matches:
            raise NotFound(f"network {ref} not found")
        return exact or matches[0]

    def name_of(self, ref: str) -> str:
        """The name of what find() finds; `ref` itself for what does not exist (yet)."""
        try:
            return self.find(ref).name
        except (NotFound, InvalidArgument):
            return ref

    def id_of(self, name: str) -> str:
        """ "" for a network that does not exist."""
        record = self._records.get(name)
        return record.id if record else ""

    def opened(self, name: str) -> BridgeNetwork:
        """The network behind a name. Raises NotFound."""
        if (network := self._open.get(name)) is None:
            raise NotFound(f"network {name} not found")
        return network

    def is_internal(self, name: str) -> bool:
        record = self._records.get(name)
        return record is not None and record.internal

    def interface_prefix(self, name: str) -> str:
        record = self._records.get(name)
        return (record.options.get(asking.INTERFACE_PREFIX, "") if record else "") or "eth"

    def bridges(self) -> Mapping[str, BridgeNetwork]:
        return self._open

    def check_settings(self, name: str, settings: EndpointSettings) -> None:
        """Raises InvalidArgument for what this network cannot give an endpoint, NotImplementedByUs for our limits."""
        if settings.driver_opts:
            named = ", ".join(sorted(settings.driver_opts))
            raise NotImplementedByUs(f"driver options of an endpoint ({named}) are not supported by this engine yet")
        record = self._records.get(name)
        if record is not None:
            attachments.check(settings, name=name, asked_subnet=record.asked_subnet)

    def place(self, mode: str, asked: NetworkingConfig) -> NetworkingConfig:
        """The networks that a new container will belong to, the one of its mode first.

        Whether they exist is seen only at the start, as with dockerd.
        """
        placed = attachments.normalised(mode, asked, self.name_of)
        for name, settings in placed.endpoints_config.items():
            self.check_settings(name, settings)
        return placed

    # ── look ──

    def list(self, wanted: filters.Filters) -> Sequence[NetworkInspect]:
        matches = filters.matcher(wanted, lambda name: bool(self._members(name)))
        return [self._describe(record) for record in self._records.values() if matches(record)]

    def inspect(self, ref: str) -> NetworkInspect:
        record = self.find(ref)
        return msgspec.structs.replace(self._describe(record), containers=self._running(record.name))

    def _describe(self, record: NetworkRecord) -> NetworkInspect:
        plain = NetworkInspect(
            name=record.name,
            id=record.id,
            created=record.created,
            driver=record.driver,
            internal=record.internal,
            attachable=record.attachable,
            options=record.options,
            labels=record.labels,
            ipam=record.ipam,
        )
        if record.name != "bridge":
            return plain
        bridge = self.default
        return msgspec.structs.replace(
            plain,
            ipam=IPAM(config=[IPAMConfig(subnet=str(bridge.subnet), gateway=str(bridge.gateway))]),
            options=bridge.options(),
        )

    def _members(self, name: str) -> Sequence[str]:
        """Ids of all containers that belong to it, running or not."""
        return [c.id for c in self._store if name in attachments.of(c)]

    def _running(self, name: str) -> dict[str, NetworkContainer]:
        found = {}
        for container in self._store:
            if not container.running or name not in attachments.of(container):
                continue
            endpoint = container.endpoints.get(name)
            found[container.id] = NetworkContainer(
                name=container.name,
                endpoint_id=endpoint.id if endpoint else "",
                mac_address=endpoint.mac_address if endpoint else "",
                ipv4_address=f"{endpoint.address}/{endpoint.prefix_length}" if endpoint else "",
            )
        return found


def _now() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
