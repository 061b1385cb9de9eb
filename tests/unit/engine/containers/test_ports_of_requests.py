import msgspec
import pytest

from wharf.apitypes.containers import ContainerConfig, HostConfig, PortBinding
from wharf.engine.containers import ports
from wharf.errors import InvalidArgument
from wharf.network.contract import PortRequest

EXPOSED = ("80/tcp", "53/udp", "9000/udp")


def published(bindings: dict[str, list[PortBinding]], *, publish_all_ports: bool = False) -> list[PortRequest]:
    config = ContainerConfig(exposed_ports={port: {} for port in EXPOSED})
    return list(ports.requests(config, HostConfig(port_bindings=bindings, publish_all_ports=publish_all_ports)))


def test_every_binding_of_an_exposed_port_is_a_request() -> None:
    bindings = {"80/tcp": [PortBinding(host_port="8080"), PortBinding(host_ip="127.0.0.1")], "53/udp": []}
    in_vain = {"81/tcp": [PortBinding(host_port="8081")], "82": []}
    assert published(bindings | in_vain) == [
        PortRequest(80, "tcp", "", 8080, 0),
        PortRequest(80, "tcp", "127.0.0.1", 0, 0),
    ]
    config = ContainerConfig(exposed_ports={"80": {}, "53/udp": {}})
    assert ports.unexposed(config, HostConfig(port_bindings=bindings | in_vain)) == ["81/tcp"]


def test_a_range_of_host_ports() -> None:
    assert published({"80": [PortBinding(host_port="8000-8010")]}) == [PortRequest(80, "tcp", "", 8000, 8010)]
    assert published({"80": [PortBinding(host_port="0" * 5000 + "80-81")]}) == [PortRequest(80, "tcp", "", 80, 81)]


def test_publish_all_takes_what_is_exposed_and_bound_to_nothing_else() -> None:
    bindings = {"80": [PortBinding(host_port="8080")], "53/udp": list[PortBinding]()}
    assert sorted(published(bindings, publish_all_ports=True), key=lambda one: one.container_port) == [
        PortRequest(53, "udp", "", 0, 0),
        PortRequest(80, "tcp", "", 8080, 0),
        PortRequest(9000, "udp", "", 0, 0),
    ]
    assert published({}) == []


@pytest.mark.parametrize(
    ("port", "binding"),
    [
        ("0/tcp", PortBinding()),
        ("65536", PortBinding()),
        ("http", PortBinding()),
        ("80/icmp", PortBinding()),
        ("80", PortBinding(host_port="x")),
        ("80", PortBinding(host_port="90-80")),
        ("80", PortBinding(host_port="70000")),
        ("80", PortBinding(host_ip="nowhere")),
        ("80", PortBinding(host_ip="fe80::1%lo }")),
        ("80", PortBinding(host_port="9" * 5000)),
        ("80", PortBinding(host_port="80-")),
        ("80", PortBinding(host_port="-80")),
        ("80", PortBinding(host_port="٨٠")),
        ("9" * 5000, PortBinding()),
    ],
)
def test_nonsense_is_refused(port: str, binding: PortBinding) -> None:
    with pytest.raises(InvalidArgument):
        published({port: [binding]})


def test_whose_firewall_decides() -> None:
    def decided(*, port: str = "", container: str = "", daemon: str = "") -> bool:
        binding = PortBinding(firewall=port) if port else PortBinding()
        host = HostConfig(port_bindings={"80/tcp": [binding]}, firewall=container or msgspec.UNSET)
        return next(ports.requests(ContainerConfig(exposed_ports={"80/tcp": {}}), host, daemon)).through_input

    assert not decided() and not decided(daemon="own")
    assert decided(daemon="host") and decided(container="host") and decided(port="host")
    assert not decided(daemon="host", container="own") and not decided(container="host", port="own")
    for wrong in ({"port": "x"}, {"container": "x"}):
        with pytest.raises(InvalidArgument):
            decided(**wrong)
