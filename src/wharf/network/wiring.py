"""The cable between a bridge and a container: a pair of links, one end in each."""

from wharf.linux import links
from wharf.linux.netlink import RouteSocket
from wharf.network import inner
from wharf.network.contract import Endpoint


def connect(routes: RouteSocket, bridge: int, endpoint: Endpoint, namespace: int, *, mtu: int, isolated: bool) -> None:
    """Makes the pair, then the inner end's addresses and routes. Raises OSError, EngineError.

    The outer end is never deleted: it goes with the namespace of the inner one.
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
