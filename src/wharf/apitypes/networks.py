"""The API's section Network: what is answered of a network. Source: Docker Engine API 1.54."""

import msgspec

from wharf.apitypes.containers import EndpointSettings, Wire, named


class IPAMConfig(Wire, frozen=True, kw_only=True, omit_defaults=True):
    subnet: str = ""
    ip_range: str = named("IPRange", "")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = {}


class IPAM(Wire, frozen=True, kw_only=True):
    driver: str = "default"
    options: dict[str, str] | None = None
    config: list[IPAMConfig] = []


class NetworkContainer(Wire, frozen=True, kw_only=True):
    """A running container's place in the network."""

    name: str
    endpoint_id: str = named("EndpointID", "")
    mac_address: str = ""
    ipv4_address: str = named("IPv4Address", "")
    ipv6_address: str = named("IPv6Address", "")


class ConfigFrom(Wire, frozen=True, kw_only=True):
    """The network that lent its configuration, "" for none."""

    network: str = ""


class SubnetStatus(Wire, frozen=True, kw_only=True):
    """How full a subnet is; both numbers end at 2^64 - 1."""

    ips_in_use: int = named("IPsInUse", 0)
    dynamic_ips_available: int = named("DynamicIPsAvailable", 0)


class IPAMStatus(Wire, frozen=True, kw_only=True):
    subnets: dict[str, SubnetStatus] = {}


class NetworkStatus(Wire, frozen=True, kw_only=True):
    """What is known of a network at the moment. Since 1.52."""

    ipam: IPAMStatus = named("IPAM", IPAMStatus())


class NetworkInspect(Wire, frozen=True, kw_only=True):
    """GET /networks/{id}, and one entry of GET /networks (there without containers)."""

    name: str
    id: str
    created: str
    scope: str = "local"
    driver: str = "bridge"
    enable_ipv4: bool = named("EnableIPv4", True)
    enable_ipv6: bool = named("EnableIPv6", False)
    ipam: IPAM = named("IPAM", IPAM())
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_from: ConfigFrom = ConfigFrom()
    config_only: bool = False
    containers: dict[str, NetworkContainer] = {}
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    status: NetworkStatus | msgspec.UnsetType = msgspec.UNSET


class NetworkCreateRequest(Wire, frozen=True, kw_only=True):
    """POST /networks/create."""

    name: str = ""
    check_duplicate: bool = False
    driver: str = ""
    scope: str = ""
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigFrom | None = None
    ipam: IPAM | None = named("IPAM", None)
    enable_ipv4: bool | None = named("EnableIPv4", None)
    enable_ipv6: bool | None = named("EnableIPv6", None)
    options: dict[str, str] = {}
    labels: dict[str, str] = {}


class NetworkConnectRequest(Wire, frozen=True, kw_only=True):
    """POST /networks/{id}/connect."""

    container: str = ""
    endpoint_config: EndpointSettings = EndpointSettings()


class NetworkDisconnectRequest(Wire, frozen=True, kw_only=True):
    """POST /networks/{id}/disconnect."""

    container: str = ""
    force: bool = False


class NetworkCheckRequest(Wire, frozen=True, kw_only=True):
    """POST /networks/check, which Docker does not have. From and to: a container, `host`, or `outside`."""

    source: str = named("From", "")
    target: str = named("To", "")
    port: int = 0
    protocol: str = "tcp"


class NetworkCheckStep(Wire, frozen=True, kw_only=True):
    """Null: others decide."""

    passes: bool | None
    text: str


class NetworkCheck(Wire, frozen=True, kw_only=True):
    """Why a packet would or would not pass."""

    passes: bool | None
    steps: list[NetworkCheckStep]


class NetworksPruned(Wire, frozen=True, kw_only=True):
    """POST /networks/prune."""

    networks_deleted: list[str] | None = None


class NetworkCreated(Wire, frozen=True, kw_only=True):
    id: str
    warning: str = ""
