"""The cable between a bridge and a container: a pair of links, one end in each."""

from contextlib import suppress

from wharf.linux import links, netlink
from wharf.linux.netlink import Later, RouteSocket
from wharf.network import inner
from wharf.network.contract import Endpoint


def connect(routes: RouteSocket, bridge: int, endpoint: Endpoint, namespace: int, *, mtu: int, isolated: bool) -> None:
    """Makes the pair, then the inner end's addresses and routes. Raises OSError, EngineError.

    Both ends go with the container's namespace, or by unplug().
    """
    with RouteSocket.inside(namespace) as inside:
        routes.request(
            links.new_veth(endpoint.interface, bridge, namespace, endpoint.inner, endpoint.mac_address, mtu),
            # Hairpin: where br_netfilter is loaded, a container's packet to its own published port is turned round
            # inside the bridge.
            links.set_port(endpoint.interface, hairpin=True, isolated=isolated),
        )
        try:
            routes.request(links.without_link_local(endpoint.interface))
        except OSError:
            pass  # a kernel without IPv6: there is none to be kept away
        inner.configure(inside, endpoint, namespace)


def disconnect(endpoint: Endpoint, later: Later) -> None:
    """Takes the pair out of a container that goes on. Nothing there is fine. Raises OSError.

    By the outer end: a container may have renamed its own, and given the name to another.
    """
    with RouteSocket() as routes:
        if (link := routes.link(endpoint.interface)) is not None:
            routes.delete_link(link.index, later)


def unplug(endpoint: Endpoint) -> None:
    """Takes away the pair of a container that has ended. Slow.

    It goes with the namespace, if not for others who hold that: a debugger, or what the container has sent to somebody
    who does not answer. Its address would stay with it, which may be another's by then.
    """
    with suppress(OSError), RouteSocket() as routes:
        if (link := routes.link(endpoint.interface)) is not None:
            routes.request(netlink.delete_link(link.index))


def carries(routes: RouteSocket, bridge: str, endpoint: Endpoint, namespace: int) -> bool:
    """Whether packets pass, or never will. The kernel opens a port of a bridge a little after its cable is plugged in,
    and a bridge after its first port: what is sent before is lost. Raises OSError.
    """
    with RouteSocket.inside(namespace) as inside:
        # In this order: newer kernels hurry with each that is asked for.
        links = (inside.link(endpoint.inner), routes.link(endpoint.interface), routes.link(bridge))
    return all(link is None or link.carries for link in links)
