"""The networks that this engine has: the default bridge, host and none. Records: the table `networks`."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from wharf.apitypes.networks import IPAM, IPAMConfig, NetworkContainer, NetworkInspect
from wharf.db.database import Database
from wharf.engine.containers.bundling import network_kind
from wharf.engine.containers.running import timestamp
from wharf.engine.containers.store import ContainerStore
from wharf.errors import InvalidArgument, NotFound
from wharf.network.bridge import BridgeNetwork

KNOWN_FILTERS: Final = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
BUILT_IN: Final = ("bridge", "host", "none")


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    created: str


_decode: Final = msgspec.json.Decoder(NetworkRecord).decode


class Networks:
    """Answers about networks. Making more of them comes with user-defined networks."""

    def __init__(self, db: Database, bridge: BridgeNetwork, store: ContainerStore) -> None:
        self._bridge = bridge
        self._store = store
        self._records = {name: built_in(db, name, bridge.id if name == "bridge" else "") for name in BUILT_IN}

    def id_of(self, name: str) -> str:
        """The id of a built-in network, "" for what is none."""
        record = self._records.get(name)
        return record.id if record else ""

    def list(self, filters: Mapping[str, Sequence[str]]) -> Sequence[NetworkInspect]:
        for name in filters:
            if name not in KNOWN_FILTERS:
                raise InvalidArgument(f"Invalid filter '{name}'")
        return [self._describe(record) for record in self._records.values() if _matches(record, filters)]

    def inspect(self, ref: str) -> NetworkInspect:
        """By name, id or unique beginning of an id. Raises NotFound."""
        found = self._records.get(ref) or next((r for r in self._records.values() if r.id == ref), None)
        if found is None:
            matches = [r for r in self._records.values() if ref and r.id.startswith(ref)]
            if len(matches) != 1:
                raise NotFound(f"network {ref} not found")
            found = matches[0]
        described = self._describe(found)
        return msgspec.structs.replace(described, containers=self._containers(found.name))

    def _describe(self, record: NetworkRecord) -> NetworkInspect:
        plain = NetworkInspect(name=record.name, id=record.id, created=record.created)
        if record.name != "bridge":
            driver = "null" if record.name == "none" else record.name
            return msgspec.structs.replace(plain, driver=driver)
        return msgspec.structs.replace(
            plain,
            ipam=IPAM(config=[IPAMConfig(subnet=str(self._bridge.subnet), gateway=str(self._bridge.gateway))]),
            options=self._bridge.options(),
        )

    def _containers(self, name: str) -> dict[str, NetworkContainer]:
        found = {}
        for container in self._store:
            if not container.running or network_kind(container) != name:
                continue
            endpoint = container.endpoint
            found[container.id] = NetworkContainer(
                name=container.name,
                endpoint_id=endpoint.id if endpoint else "",
                mac_address=endpoint.mac_address if endpoint else "",
                ipv4_address=f"{endpoint.address}/{endpoint.prefix_length}" if endpoint else "",
            )
        return found


def built_in(db: Database, name: str, id: str = "") -> NetworkRecord:
    """The record of a built-in network; its id is drawn once and stays."""
    rows = db.read("SELECT record FROM networks WHERE name = ?", (name,))
    if rows:
        return _decode(rows[0][0])
    record = NetworkRecord(id=id or secrets.token_hex(32), name=name, created=timestamp())
    with db.write() as writer:
        writer.execute(
            "INSERT INTO networks (id, name, record) VALUES (?, ?, ?)", (record.id, name, msgspec.json.encode(record))
        )
    return record


def _matches(record: NetworkRecord, filters: Mapping[str, Sequence[str]]) -> bool:
    driver = "null" if record.name == "none" else record.name
    return (
        ("name" not in filters or any(name in record.name for name in filters["name"]))
        and ("id" not in filters or any(record.id.startswith(id) for id in filters["id"]))
        and ("driver" not in filters or driver in filters["driver"])
        and ("scope" not in filters or "local" in filters["scope"])
        and ("type" not in filters or "builtin" in filters["type"])
        and "label" not in filters
        and not ("dangling" in filters and filters["dangling"][0] in ("true", "1"))
    )
