"""The operations on networks that faces call, and the open networks behind them."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from wharf.apitypes.containers import EndpointSettings, NetworkingConfig
from wharf.apitypes.networks import NetworkCreateRequest, NetworkInspect
from wharf.db.database import Database
from wharf.engine.config import EngineConfig
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import (
    asking,
    attachments,
    default_bridge,
    describing,
    endpoint_settings,
    filters,
    opening,
    options,
    parent_options,
    placing,
)
from wharf.engine.networks.record import BUILT_IN, NetworkRecord, decode, encode
from wharf.engine.system.identity import engine_id
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, PermissionDenied
from wharf.events.bus import Bus
from wharf.linux.host import ipv4_forwarding
from wharf.linux.nftables import NftablesError
from wharf.linux.nftables_events import FirewallEvents
from wharf.network import coexisting
from wharf.network.bridge import BridgeNetwork
from wharf.network.contract import Network
from wharf.network.kernel import Kernel
from wharf.network.leased import LeaseChange
from wharf.network.settings import Forwarding
from wharf.network.subnets import DEFAULT_POOLS, PoolOfSubnets, unique_local_pool
from wharf.network.subnets import Network as Range
from wharf.network.watching import FirewallWatch

log = logging.getLogger(__name__)


class Networks:
    """All networks of this engine."""

    def __init__(self, db: Database, config: EngineConfig, kernel: Kernel, store: ContainerStore, events: Bus) -> None:
        self._db = db
        self._config = config.bridge
        self._pools = address_pools(config)
        self._defaults = config.network_options
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
        settings = default_bridge.settings(self._config, self._pools, self._recorded_ranges())
        self.default = BridgeNetwork(self._records["bridge"].id, settings, kernel)
        self._open: dict[str, Network] = {"bridge": self.default}
        if not self._has_default:
            del self._records["bridge"], self._open["bridge"]
        self._turn = asyncio.Lock()  # of who makes a network, or removes one
        self._watch: FirewallWatch | None = None
        self.lease_changed: Callable[[LeaseChange], None] = lambda change: None  # told of each, while containers run

    @property
    def _has_default(self) -> bool:
        """Whether there is a default network (not: `bridge: none`)."""
        return self._config.name != "none"

    # ── life ──

    async def open(self) -> None:
        """Makes all bridges. One that cannot be made says so when it is used."""
        await self.default.open()
        for record in self._records.values():
            if record.real and not record.built_in:
                self._open[record.name] = await self._opened_one(record)
        if self._config.firewall or self._config.firewall6:
            await self._open_firewall()
        if self._config.forwarding is Forwarding.LEFT_ALONE and not ipv4_forwarding():
            log.warning("IPv4 forwarding is disabled")

    async def _open_firewall(self) -> None:
        """The users' own table, a way by others' older ones, and the watch over ours."""
        await self._kernel.do(self._kernel.legacy.look)
        try:
            self._watch = FirewallWatch(FirewallEvents(), self.repair)
        except OSError as error:
            log.warning("changes of the host's firewall will not be noticed", extra={"reason": str(error)})
        try:
            await self._make_user_table()
        except (NftablesError, OSError):
            self.repair_soon()  # which also tells of it
        await self._kernel.zones.begin()

    async def _make_user_table(self) -> None:
        await self._kernel.do(lambda: coexisting.make_user_table(self._kernel.nftables()))

    async def repair(self) -> None:
        """After a change of the host's firewall: what it took from our networks is put back, and the users' table.

        Raises EngineError where not all is as it was.
        """
        failures: list[str] = []
        try:
            await self._make_user_table()
        except (NftablesError, OSError) as error:
            failures.append(f"there is no table for rules of users: {error}")
        for network in list(self._open.values()):
            try:
                await network.repair()
            except EngineError as error:
                failures.append(str(error))
        await self._kernel.do(self._kernel.legacy.look_again)
        if failures:
            raise EngineError("; ".join(failures))

    def repair_soon(self) -> None:
        """As repair(), in the background and until it succeeds, where the firewall is watched."""
        if self._watch is not None:
            self._watch.notice()

    async def close(self) -> None:
        if self._watch is not None:
            await self._watch.close()
        for network in self._open.values():
            await network.close()
        await self._kernel.zones.close()

    async def _opened_one(self, record: NetworkRecord) -> Network:
        network = opening.made(record, self._config, self._kernel, lambda change: self.lease_changed(change))
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

    async def create(self, asked: NetworkCreateRequest) -> tuple[NetworkRecord, str]:
        """Makes a network; with a warning, "" for none. After a failure there is no network."""
        asking.check(asked)
        async with self._turn:
            return await self._create(asked)

    async def _create(self, asked: NetworkCreateRequest) -> tuple[NetworkRecord, str]:
        self._require_free(asked.name)
        record = self._described(asked)
        asking.check_record(record)
        on_host = await self._kernel.do(self._kernel.used_networks) if record.real else []
        if record.real:
            self._check_neighbours(record)
            gateways = opening.versions_with_gateway(record)
            record = placing.placed(record, self._pools, on_host=on_host, ours=self._ranges(), gateways=gateways)
        # The intent: a daemon that dies now makes the network at its next start.
        self._add(record)
        if record.real:
            network = await self._opened_one(record)
            if network.unavailable:
                self._drop(record)
                raise EngineError(network.unavailable)
            self._open[record.name] = network
        self._publish("create", record)
        return record, "\n".join((*placing.conflicts(record, on_host), *placing.unused(record)))

    def _described(self, asked: NetworkCreateRequest) -> NetworkRecord:
        if asked.ipam is not None and asked.ipam.config:
            placing.check(asked.ipam.config)
        record = asking.described(asked, secrets.token_hex(32), _now(), self._defaults)
        if asked.config_from is None or not (lender := asked.config_from.network):
            return record
        found = self._records.get(lender)
        if found is None or not found.config_only:
            raise NotFound(f'configuration network "{lender}" does not exist')
        return asking.borrowed(record, found)

    def _require_free(self, name: str) -> None:
        if name in self._records:
            raise Conflict(f"network with name {name} already exists")

    def _check_neighbours(self, record: NetworkRecord) -> None:
        """Raises what two networks cannot share: a bridge, or a device in mode passthru."""
        others = [other for other in self._records.values() if other.real and not other.built_in]
        if record.kind != "bridge":
            parent_options.check_neighbours(record, others)
            return
        holder = next((other for other in others if other.kind == "bridge" and other.bridge == record.bridge), None)
        if holder is None and record.bridge == self._config.name:
            holder = self._records.get("bridge")
        if holder is not None:
            raise PermissionDenied(
                f"cannot create network {record.id} ({record.bridge}): conflicts with network {holder.id} "
                f"({record.bridge}): networks have same bridge name"
            )

    def _recorded_ranges(self) -> Sequence[Range]:
        return [network for record in self._records.values() for network in placing.networks(record)]

    def _ranges(self) -> Sequence[Range]:
        found = self._recorded_ranges()
        return [*found, *(subnet.network for subnet in self.default.subnets)] if self._has_default else found

    async def remove(self, ref: str) -> None:
        """Raises PermissionDenied for one that is always there, or in use."""
        async with self._turn:
            await self._remove(self.find(ref))

    async def _remove(self, record: NetworkRecord) -> None:
        if record.built_in:
            raise PermissionDenied(f"{record.name} is a pre-defined network and cannot be removed")
        if not record.real:
            self._remove_configuration(record)
            return
        network = self.opened(record.name)
        if network.in_use:
            raise PermissionDenied(
                f"error while removing network: network {record.name} has active endpoints{self._named(record.name)}"
            )
        # Nobody connects to it any more while it goes. The record goes last: a daemon that dies here has the whole
        # network again.
        del self._open[record.name]
        await network.close()
        self._drop(record)
        self._publish("destroy", record)

    def _remove_configuration(self, record: NetworkRecord) -> None:
        if any(other.config_from == record.name for other in self._records.values()):
            raise PermissionDenied(f'error while removing network: configuration network "{record.name}" is in use')
        self._drop(record)
        self._publish("destroy", record)

    def _named(self, name: str) -> str:
        """Who is connected, as dockerd tells it."""
        ends = [(c.name, c.endpoints[name].id[:12]) for c in self._store if name in c.endpoints]
        shown = ", ".join(f'name:"{container}" id:"{id}"' for container, id in ends)
        return f" ({shown})" if shown else ""

    async def prune(self, wanted: filters.Filters) -> Sequence[str]:
        """Removes all networks that no container belongs to; their names. Configurations are for networks to come."""
        matches = filters.prune_matcher(wanted, datetime.now(UTC))
        removed: tuple[str, ...] = ()
        for record in list(self._records.values()):
            if record.built_in or not record.real or self._members(record.name) or not matches(record):
                continue
            try:
                await self.remove(record.id)
            except (PermissionDenied, NotFound):
                continue  # taken, or removed by somebody else meanwhile
            removed += (record.name,)
        return removed

    def _publish(self, action: str, record: NetworkRecord, **more: str) -> None:
        self._events.publish("network", action, record.id, {"name": record.name, "type": record.driver, **more})

    def publish_lease(self, change: LeaseChange, address: str) -> None:
        """The address of a container has changed; "": it has none at the moment."""
        if (record := self._records.get(change.network)) is not None:
            self._publish("lease", record, container=change.container_id, address=address)

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

    def opened(self, name: str) -> Network:
        """The network behind a name. Raises NotFound, PermissionDenied for a mere configuration."""
        if (network := self._open.get(name)) is not None:
            return network
        record = self._records.get(name)
        if record is not None and record.config_only:
            raise PermissionDenied("cannot create endpoint on configuration-only network")
        raise NotFound(f"network {name} not found")

    def all_open(self) -> Mapping[str, Network]:
        return self._open

    def leads_out(self, name: str, version: int) -> bool:
        """Whether a container has a way out by this network. One that does not exist yet is taken to have one."""
        network = self._open.get(name)
        return network is None or network.leads_out(version)

    @property
    def host_gateway(self) -> str:
        """This host's address on the default network, by which containers of all networks reach it; "" for none."""
        found = self.default.subnets if self._has_default else ()
        return next((str(subnet.interface.ip) for subnet in found), "")

    def publishes(self, name: str) -> bool:
        """See Network."""
        network = self._open.get(name)
        return network is None or network.publishes

    def interface_prefix(self, name: str) -> str:
        record = self._records.get(name)
        return options.interface_prefix(record.options) if record else "eth"

    def check_settings(self, name: str, settings: EndpointSettings) -> None:
        """Raises InvalidArgument for what this network cannot give an endpoint."""
        endpoint_settings.check(settings, self._records.get(name))

    def place(self, mode: str, asked: NetworkingConfig) -> NetworkingConfig:
        """The networks that a new container will belong to, the one of its mode first.

        Whether they exist is seen only at the start, as with dockerd.
        """
        if not self._has_default:
            mode, asked = attachments.without_default(mode, asked)
        placed = attachments.normalised(mode, asked, self.name_of)
        for name, settings in placed.endpoints_config.items():
            try:
                self.check_settings(name, settings)
            except InvalidArgument as error:
                raise InvalidArgument(f"invalid config for network {name}: {error}") from None
        return placed

    # ── look ──

    def list(self, wanted: filters.Filters) -> Sequence[NetworkInspect]:
        matches = filters.matcher(wanted, lambda name: bool(self._members(name)))
        return [self._describe(record) for record in self._records.values() if matches(record)]

    def inspect(self, ref: str, *, scope: str = "") -> NetworkInspect:
        """With a `scope`, only one that reaches so far. Raises NotFound."""
        record = self.find(ref)
        if scope not in ("", record.scope):
            raise NotFound(f"network {ref} not found")
        found = msgspec.structs.replace(
            self._describe(record), containers=dict(describing.members(record.name, self._store))
        )
        network = self._open.get(record.name)
        return found if network is None else msgspec.structs.replace(found, status=describing.status(network))

    def _describe(self, record: NetworkRecord) -> NetworkInspect:
        if record.name == "bridge":
            return describing.describe_default(record, self.default.settings)
        return describing.describe(record)

    def _members(self, name: str) -> Sequence[str]:
        """Ids of all containers that belong to it, running or not."""
        return [c.id for c in self._store if name in attachments.of(c)]


def address_pools(config: EngineConfig) -> tuple[PoolOfSubnets, ...]:
    """Where subnets that nobody chose come from. Those for IPv6 are of a prefix that only this engine has."""
    pools = config.address_pools or DEFAULT_POOLS
    if any(pool.base.version == 6 for pool in pools):
        return pools
    return (*pools, unique_local_pool(engine_id(config.data_root)))


def _now() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
