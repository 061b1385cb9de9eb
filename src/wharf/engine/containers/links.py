"""Links of the default network: other containers by a name of one's own, in /etc/hosts and in variables. Pure.

A record keeps a link as `id:alias`, which no renaming changes. On users' networks links are names of the resolver.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from wharf.apitypes.containers import EndpointSettings, HostConfig, NetworkingConfig
from wharf.engine.containers.ports import parse_port
from wharf.engine.containers.record import ALIVE, Container
from wharf.engine.containers.sharing import donor
from wharf.engine.networks import attachments
from wharf.errors import EngineError, InvalidArgument, NoSuchContainer

Find = Callable[[str], Container]  # raises NoSuchContainer
#: Of the other's variables, those that say nothing of it.
_OF_EVERYBODY: Final = frozenset({"HOME", "PATH"})


@dataclass(frozen=True, slots=True)
class Linked:
    """A running container, and what the one that is linked to it calls it."""

    alias: str
    container: Container
    address: str


def parse(text: str) -> tuple[str, str]:
    """Container and alias of `name:alias`, of `name`, and of `/name:/owner/alias`, as inspect shows it."""
    if not text:
        raise EngineError("empty string specified for links")
    name, _, alias = text.partition(":")
    if ":" in alias:
        raise EngineError(f"bad format for links: {text}")
    return name.removeprefix("/"), alias.rpartition("/")[2] or name.removeprefix("/")


# ── at the creation ──


def is_legacy(host: HostConfig) -> bool:
    """Whether its links are not names of a user's network."""
    return attachments.primary(host.network_mode) in (attachments.DEFAULT, *attachments.ALONE, "")


def placed(host: HostConfig, networking: NetworkingConfig) -> tuple[HostConfig, NetworkingConfig]:
    """The request with the links of a user's network where such a network looks for them."""
    if not host.links or is_legacy(host):
        return host, networking
    mode, endpoints = host.network_mode, networking.endpoints_config
    settings = endpoints.get(mode, EndpointSettings())
    names = [*(settings.links or ()), *(f"{name}:{alias}" for name, alias in map(parse, host.links))]
    # docker's command line says it in both places.
    endpoints = {**endpoints, mode: msgspec.structs.replace(settings, links=list(dict.fromkeys(names)))}
    return msgspec.structs.replace(host, links=[]), NetworkingConfig(endpoints_config=endpoints)


def resolved(host: HostConfig, find: Find) -> HostConfig:
    """The same with ids for names. Raises InvalidArgument, in dockerd's words, for who cannot be linked to."""
    if not host.links:
        return host
    links = [f"{_target(name, find).id}:{alias}" for name, alias in map(parse, host.links)]
    return msgspec.structs.replace(host, links=links)


def _target(name: str, find: Find) -> Container:
    try:
        if not name:
            raise InvalidArgument('invalid name or ID supplied: ""')
        target = find(name)
        while other := donor(target.host.network_mode):  # then the address is another's
            target = find(other)
    except (NoSuchContainer, InvalidArgument) as error:
        raise InvalidArgument(f"could not get container for {name}: {error}") from None
    if target.host.network_mode == "host":
        reason = "host type networking can't be used with links. This would result in undefined behavior"
        raise InvalidArgument(f"conflicting options: {reason}")
    return target


# ── while the container exists ──


def shown(owner: Container, get: Callable[[str], Container | None]) -> list[str]:
    """As inspect shows them: `/name:/owner/alias`, with the names of now."""
    found = []
    for id, alias in map(parse, owner.host.links):
        other = get(id)
        found.append(f"/{other.name if other is not None else id[:12]}:/{owner.name}/{alias}")
    return found


def names_by_links(container: Container, owners: Iterable[Container]) -> list[str]:
    """What the `owners` of links to it call it, as lists show it: `/owner/alias`."""
    return sorted(
        f"/{owner.name}/{alias}" for owner in owners for id, alias in map(parse, owner.host.links) if id == container.id
    )


# ── at each start ──


def linked(owner: Container, get: Callable[[str], Container | None], *, all_run: bool) -> list[Linked]:
    """Those that it is linked to and that run. With `all_run`, raises EngineError when one does not."""
    if attachments.primary(owner.host.network_mode) != attachments.DEFAULT:
        return []
    found = []
    for id, alias in map(parse, owner.host.links):
        other = get(id)
        endpoint = other.endpoints.get(attachments.DEFAULT) if other is not None else None
        if other is not None and other.status in ALIVE and endpoint is not None:
            found.append(Linked(alias, other, endpoint.address))
        elif all_run:
            raise EngineError(_why_not(owner, id, alias, other))
    return found


def _why_not(owner: Container, id: str, alias: str, other: Container | None) -> str:
    if other is not None and other.status in ALIVE:
        return f"container {other.id} not attached to default bridge network"
    name = other.name if other is not None else id[:12]
    return f"Cannot link to a non running container: /{name} AS /{owner.name}/{alias}"


def hosts_lines(links: Iterable[Linked]) -> list[str]:
    """Lines of /etc/hosts."""
    found = []
    for link in links:
        names = dict.fromkeys((link.alias, link.container.config.hostname, link.container.name))
        found.append(f"{link.address}\t{' '.join(names)}\n")
    return found


def relinked(hosts: str, lines: Iterable[str]) -> str:
    """A text of /etc/hosts with these lines in the place of those that begin with the same name."""
    found = hosts.splitlines(keepends=True)
    for line in lines:
        alias = line.split()[1:2]
        at = next((number for number, old in enumerate(found) if old.split()[1:2] == alias), None)
        if at is None:
            found.append(line)
        else:
            found[at] = line
    return "".join(found)


def variables(owner: Container, links: Iterable[Linked]) -> Iterator[str]:
    """Where each linked container is reached, and its own variables, as `ALIAS_…=…`."""
    for link in links:
        prefix = link.alias.upper().replace("-", "_")
        yield f"{prefix}_NAME=/{owner.name}/{link.alias}"
        yield from _of_ports(prefix, link)
        for text in link.container.config.env:
            name, equals, value = text.partition("=")
            if equals and name not in _OF_EVERYBODY:
                yield f"{prefix}_ENV_{name}={value}"


def _of_ports(prefix: str, link: Linked) -> Iterator[str]:
    ports = sorted(map(parse_port, link.container.config.exposed_ports), key=lambda port: (port[0], port[1] != "tcp"))
    if ports:
        yield f"{prefix}_PORT={_url(link, *ports[0])}"
    for number, protocol in ports:
        name = f"{prefix}_PORT_{number}_{protocol.upper()}"
        yield f"{name}={_url(link, number, protocol)}"
        yield f"{name}_ADDR={link.address}"
        yield f"{name}_PORT={number}"
        yield f"{name}_PROTO={protocol}"
        last = number
        while (last + 1, protocol) in ports:
            last += 1
        if last > number and (number - 1, protocol) not in ports:
            yield f"{name}_START={_url(link, number, protocol)}"
            yield f"{name}_PORT_START={number}"
            yield f"{name}_END={_url(link, last, protocol)}"
            yield f"{name}_PORT_END={last}"


def _url(link: Linked, number: int, protocol: str) -> str:
    return f"{protocol}://{link.address}:{number}"
