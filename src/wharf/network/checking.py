"""Why a packet would or would not pass: from what is known of containers, networks and the host. Pure.

It tells what the engine and the kernel have been told, in the order in which a packet meets it; it sends nothing. Where
rules of others ask for what is not known before there is a packet, it says what that is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Final, Literal

from wharf.network import hurdles
from wharf.network.contract import PortRequest, PublishedPort
from wharf.network.facts import Node, Segment, Service, Step, World
from wharf.network.hurdles import Flow
from wharf.network.settings import GatewayMode

#: What has the host route, by version of IP.
FORWARDING: Final = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
#: Of a packet from another machine.
UNKNOWN: Final = Flow()


def verdict(steps: Sequence[Step]) -> bool | None:
    """Whether it passes; None when nothing of ours stops it and others have a say."""
    if any(step.passes is False for step in steps):
        return False
    return None if any(step.passes is None for step in steps) else True


def between(source: Node, target: Node, service: Service, world: World) -> list[Step]:
    """From one container to another, by its address or name."""
    if source.kind == "host":
        return [*_runs(source), *from_host(target, service, world)]
    if steps := [*_runs(source), *_has_own_network(target)]:
        return steps
    entrance = _entrance(target, service, world) if source.way_out else ""
    if entrance and not any(name in target.addresses for name in source.addresses):
        flow = Flow(came=source.way_out, source=_first(source, source.way_out), service=service)
        steps += [Step(True, f"its way out is {source.way_out}"), *_entered(target, entrance, flow, world)]
    else:
        steps += _together(source, target, service, world)
    return [*steps, *_listens(target, service)]


def from_host(target: Node, service: Service, world: World) -> list[Step]:
    """From a program of the host to a container's own address."""
    if steps := list(_has_own_network(target)):
        return steps
    for name, addresses in target.addresses.items():
        if world.segments[name].hosted and not world.segments[name].parent:
            return [Step(True, f"the host is on {name}: {' '.join(addresses)}"), *_listens(target, service)]
    if parents := [world.segments[name].parent for name in target.addresses if world.segments[name].parent]:
        reason = f"{target.name} is on the device {parents[0]}, by which the host itself reaches none of its containers"
        return [Step(False, reason)]
    return [Step(False, f"the host has no address on a network of {target.name}")]


def from_outside(target: Node, service: Service, world: World) -> list[Step]:
    """From another machine, which routes to a container's own address by this host."""
    if steps := list(_has_own_network(target)):
        return steps
    segments = [world.segments[name] for name in target.addresses]
    if on_wire := next((segment for segment in segments if segment.parent and not segment.internal), None):
        return [*_on_wire(target, on_wire), *_listens(target, service)]
    if entrance := _entrance(target, service, world):
        return [*_entered(target, entrance, Flow(service=service), world), *_listens(target, service)]
    reason = "containers are reached from outside by published ports only"
    if any(segment.mode is GatewayMode.ROUTED for segment in segments):
        return [Step(False, f"{reason}, and {target.name} has not published {service}")]
    return [Step(False, f"{reason}: ask for host:PORT")]


def _entrance(target: Node, service: Service, world: World) -> str:
    """The network by which a container is reached at its own address from everywhere, "" for none."""
    for name in target.addresses:
        mode = world.segments[name].mode
        published = any(
            (port.container_port, port.protocol) == (service.port, service.protocol) for port in target.ports
        )
        if mode is GatewayMode.NAT_UNPROTECTED or (mode is GatewayMode.ROUTED and (published or not service.port)):
            return name
    return ""


def _entered(target: Node, network: str, flow: Flow, world: World) -> Iterator[Step]:
    addresses = " ".join(target.addresses[network])
    mode = world.segments[network].mode
    yield Step(True, f"{target.name} is reached by {network}, in the mode {mode}, at its own address: {addresses}")
    yield from _forwarded(world, replace(flow, goes=network, target=_first(target, network)))


def _first(node: Node, network: str) -> str:
    """Its address there, of IPv4 if it has one; "" for none."""
    return next(iter(node.addresses.get(network, ())), "")


def to_published(
    origin: Literal["host", "outside"], service: Service, nodes: Sequence[Node], world: World, flow: Flow = UNKNOWN
) -> list[Step]:
    """To a port of the host that a container may have published, or a program of the host listens on.

    `flow` is what is known of who sends it: from outside, if nobody else.
    """
    found = [(node, port) for node in nodes for port in node.ports if _is(port, service)]
    if not found:
        return [*_to_program(origin, service, world, flow), *(() if world.listening else _closed(service, nodes))]
    reachable = [(node, port) for node, port in found if origin == "host" or not _is_local(port.host_ip)]
    if not reachable:
        node, port = found[0]
        return [Step(False, f"{node.name} has published it on {port.host_ip}, where only the host itself comes")]
    node, port = reachable[0]
    where = f"{port.host_ip}:{port.host_port}"
    steps = [Step(True, f"{node.name} has published {where} for its port {port.container_port}/{port.protocol}")]
    inner = Service(port.container_port, port.protocol)
    if origin == "outside" and port.through_input:
        steps.append(Step(True, "the port obeys the host's own rules for incoming packets (firewall=host)"))
        steps += hurdles.met(world, "input", replace(flow, service=service, target=_certain(port.host_ip)))
    elif origin == "outside":
        target = _first(node, node.way_out)
        steps += _forwarded(world, replace(flow, goes=node.way_out, service=inner, target=target, published=service))
    return [*steps, *_listens(node, inner)]


def _certain(address: str) -> str:
    """The address, but "" for every one of the host's."""
    return "" if ip_address(address).is_unspecified else address


def _to_program(origin: Literal["host", "outside"], service: Service, world: World, flow: Flow) -> Iterator[Step]:
    """To a program of the host itself, or of a container that has the host's network."""
    unpublished = f"no running container has published {service} of the host"
    if not world.listening:
        yield Step(False, f"{unpublished}, and nothing on the host listens on it")
    elif origin == "outside" and all(_is_local(address) for address in world.listening):
        yield Step(False, f"{unpublished}, and on the host it is listened on {_sorted(world.listening)} only")
    else:
        yield Step(True, f"on the host itself a program listens on {service}")
        yield from hurdles.met(world, "input", replace(flow, service=service)) if origin == "outside" else ()


def _closed(service: Service, nodes: Sequence[Node]) -> Iterator[Step]:
    """Why nobody is found who was to publish it."""
    for node in nodes:
        if node.kind != "host" and any(_may_be(request, service) for request in node.wanted):
            reason = "no network of it leads out" if node.running else "it does not run"
            yield Step(False, f"{node.name} is to publish it, but {reason}")


def to_published_from(source: Node, service: Service, nodes: Sequence[Node], world: World) -> list[Step]:
    """From a container to a published port of its host."""
    if source.kind == "host":
        return [*_runs(source), *to_published("host", service, nodes, world)]
    if steps := list(_runs(source)):
        return steps
    if not source.way_out:
        return [Step(False, f"{source.name} has no way out, and so none to its host's ports")]
    sender = Flow(came=source.way_out, source=_first(source, source.way_out))
    return to_published("outside", service, nodes, world, sender)


def outward(source: Node, world: World) -> list[Step]:
    """From a container to other machines."""
    if steps := list(_runs(source)):
        return steps
    if source.kind == "host":
        return [Step(True, "it has the host's network")]
    if not source.way_out:
        inside = [name for name in source.addresses if world.segments[name].internal]
        reason = f": {', '.join(inside)} {'is' if len(inside) == 1 else 'are'} internal" if inside else ""
        return [Step(False, f"{source.name} has no way out{reason}")]
    segment = world.segments[source.way_out]
    steps.append(Step(True, f"its way out is {segment.name}"))
    if segment.parent:
        return [*steps, *_on_wire(source, segment)]
    if segment.mode is GatewayMode.ROUTED:
        steps.append(Step(None, "its address is not translated: other machines have to know the way back"))
    elif not segment.masquerade:
        steps.append(Step(None, f"{segment.name} does not masquerade: other machines have to know the way back"))
    return [*steps, *_forwarded(world, Flow(came=segment.name, source=_first(source, segment.name)))]


def _runs(node: Node) -> Iterator[Step]:
    if not node.running:
        yield Step(False, f"{node.name} does not run")
    elif node.kind == "none":
        yield Step(False, f"{node.name} has no network")


def _has_own_network(target: Node) -> Iterator[Step]:
    yield from _runs(target)
    if target.running and target.kind == "host":
        yield Step(False, f"{target.name} has the host's network: ask for host:PORT")


def _on_wire(node: Node, segment: Segment) -> Iterator[Step]:
    """Between a container on a device of the host and machines on that device's network."""
    yield from _has_address(node, segment)
    where = f"the network of the device {segment.parent}"
    yield Step(None, f"{node.name} is on {where}, where no rule of this host is asked: machines there decide")


def _has_address(node: Node, segment: Segment) -> Iterator[Step]:
    if node.running and not node.addresses[segment.name]:
        reason = "a DHCP server has lent it none, or not for longer" if segment.lent else "the network gives none"
        yield Step(False, f"{node.name} has no address on {segment.name}: {reason}")


def _together(source: Node, target: Node, service: Service, world: World) -> Iterator[Step]:
    shared = [name for name in source.addresses if name in target.addresses]
    if not shared:
        yield Step(
            False,
            f"they share no network: {source.name} is on {_list(source)}, {target.name} on {_list(target)}; "
            "containers of different networks reach one another by published ports only",
        )
        return
    # The best of several: one closed network does not matter where another leads on.
    name = next((name for name in shared if world.segments[name].inter_container), shared[0])
    segment = world.segments[name]
    unknown = [*_has_address(source, segment), *_has_address(target, segment)]
    if unknown:
        yield from unknown
        return
    yield Step(True, f"both are on {name}: {target.name} is {' '.join(target.addresses[name])}")
    if not segment.inter_container:
        how = "mode private" if segment.parent else "enable_icc=false"
        yield Step(False, f"{name} keeps its containers apart ({how})")
    elif segment.reflected:
        yield Step(None, f"by the switch at {segment.parent}, which has to send it back (mode vepa)")
    elif not segment.has_names:
        yield Step(True, f"by its address: {name}, the default network, has no names")
    if not segment.parent:
        flow = Flow(name, name, _first(source, name), _first(target, name), service)
        yield from hurdles.met_on_bridge(world, flow)


def _list(node: Node) -> str:
    return ", ".join(node.addresses) or "none"


def _sorted(addresses: frozenset[str]) -> str:
    return " ".join(sorted(addresses))


def _listens(node: Node, service: Service) -> Iterator[Step]:
    if not service.port or not node.running:
        return
    if not node.listening:
        yield Step(False, f"nothing in {node.name} listens on {service}")
    elif all(_is_local(address) for address in node.listening):
        yield Step(False, f"in {node.name}, {service} is listened on {_sorted(node.listening)} only")
    else:
        yield Step(True, f"in {node.name} a program listens on {service}")


def _forwarded(world: World, flow: Flow) -> Iterator[Step]:
    """What packets from or to a network meet that the host passes on."""
    if flow.version not in world.forwards:
        yield Step(False, f"the host forwards no packets ({FORWARDING[flow.version]} is 0)")
    yield from hurdles.met(world, "forward", flow)


def _is(port: PublishedPort, service: Service) -> bool:
    return (port.host_port, port.protocol) == (service.port, service.protocol)


def _may_be(request: PortRequest, service: Service) -> bool:
    last = request.host_port_end or request.host_port
    return request.host_port <= service.port <= last and request.protocol == service.protocol


def _is_local(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
