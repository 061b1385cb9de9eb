"""Links of the default network, as dockerd 28 has them."""

from collections.abc import Mapping

import pytest

from harness.records import recorded
from wharf.apitypes.containers import ContainerConfig, EndpointSettings, HostConfig, NetworkingConfig
from wharf.engine.containers import links
from wharf.engine.containers.links import Linked
from wharf.engine.containers.record import Container, Status
from wharf.errors import EngineError, InvalidArgument, NoSuchContainer
from wharf.network.contract import Endpoint


def container(
    name: str,
    *,
    host: HostConfig | None = None,
    config: ContainerConfig | None = None,
    address: str = "",
    status: Status = Status.RUNNING,
) -> Container:
    """Its id is `id-of-NAME`; it is on the default network when it has an address."""
    endpoint = Endpoint("e", f"id-of-{name}", "bridge", "veth", "", address, 16, "172.17.0.1")
    return recorded(
        f"id-of-{name}",
        name,
        config=config or ContainerConfig(hostname=f"{name}-host"),
        host=host or HostConfig(),
        status=status,
        endpoints={"bridge": endpoint} if address else {},
    )


DB = container("db", address="172.17.0.2")
KNOWN: Mapping[str, Container] = {
    "db": DB,
    "inner": container("inner", host=HostConfig(network_mode="container:db")),
    "open": container("open", host=HostConfig(network_mode="host")),
}


def find(name: str) -> Container:
    if name not in KNOWN:
        raise NoSuchContainer(name)
    return KNOWN[name]


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("db", ("db", "db")),
        ("db:alias", ("db", "alias")),
        ("/db:/web/alias", ("db", "alias")),
        ("db:", ("db", "db")),
    ],
)
def test_what_links_say(text: str, link: tuple[str, str]) -> None:
    assert links.parse(text) == link


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty string specified for links"), ("a:b:c", "bad format for links: a:b:c")]
)
def test_what_is_no_link(text: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        links.parse(text)
    assert str(caught.value) == message


def test_a_link_is_kept_by_id_and_to_whom_the_network_belongs() -> None:
    assert links.resolved(HostConfig(links=["db:a", "inner:b"]), find).links == ["id-of-db:a", "id-of-db:b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody:x", "could not get container for nobody: No such container: nobody"),
        (":x", 'could not get container for : invalid name or ID supplied: ""'),
        (
            "open:x",
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior",
        ),
    ],
)
def test_who_cannot_be_linked_to(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        links.resolved(HostConfig(links=[text]), find)
    assert str(caught.value) == message


def test_on_a_users_network_links_are_names_there() -> None:
    asked = NetworkingConfig(endpoints_config={"front": EndpointSettings(aliases=["a"], links=["x:y"])})
    host, networking = links.placed(HostConfig(network_mode="front", links=["db:d", "web"]), asked)
    assert host.links == []
    assert networking.endpoints_config["front"] == EndpointSettings(aliases=["a"], links=["x:y", "db:d", "web:web"])


@pytest.mark.parametrize("mode", ["", "default", "bridge", "none"])
def test_elsewhere_they_stay_what_they_are(mode: str) -> None:
    asked = HostConfig(network_mode=mode, links=["db:d"]), NetworkingConfig()
    assert links.placed(*asked) == asked


NOBODY: Mapping[str, Container] = {}
WEB = container("web", host=HostConfig(links=["id-of-db:d", "id-of-db:e"]))


def test_what_inspect_and_lists_show_has_the_names_of_now() -> None:
    assert links.shown(WEB, {"id-of-db": DB}.get) == ["/db:/web/d", "/db:/web/e"]
    assert links.shown(WEB, NOBODY.get) == ["/id-of-db:/web/d", "/id-of-db:/web/e"]
    assert links.names_by_links(DB, [WEB]) == ["/web/d", "/web/e"]


def test_those_that_run_are_found() -> None:
    assert links.linked(WEB, {"id-of-db": DB}.get, all_run=True) == [
        Linked("d", DB, "172.17.0.2"),
        Linked("e", DB, "172.17.0.2"),
    ]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (None, "Cannot link to a non running container: /id-of-db AS /web/d"),
        (container("db", status=Status.EXITED), "Cannot link to a non running container: /db AS /web/d"),
        (container("db"), "container id-of-db not attached to default bridge network"),
    ],
)
def test_a_start_needs_them_all(other: Container | None, message: str) -> None:
    known = {"id-of-db": other} if other is not None else {}
    assert links.linked(WEB, known.get, all_run=False) == []
    with pytest.raises(EngineError) as caught:
        links.linked(WEB, known.get, all_run=True)
    assert str(caught.value) == message


def test_without_the_default_network_links_lead_nowhere() -> None:
    alone = container("web", host=HostConfig(network_mode="none", links=["id-of-db:d"]))
    assert links.linked(alone, NOBODY.get, all_run=True) == []


def test_lines_of_hosts_have_each_name_once() -> None:
    named = container("db", config=ContainerConfig(hostname="db"))
    lines = links.hosts_lines([Linked("d", DB, "172.17.0.2"), Linked("db", named, "172.17.0.3")])
    assert lines == ["172.17.0.2\td db-host db\n", "172.17.0.3\tdb\n"]


def test_a_new_address_replaces_the_old_one_and_nothing_else() -> None:
    hosts = "127.0.0.1\tlocalhost\n172.17.0.2\td db-host db\n172.17.0.9\tmine\n"
    changed = links.relinked(hosts, ["172.17.0.5\td db-host base\n", "172.17.0.6\tnew\n"])
    assert changed == "127.0.0.1\tlocalhost\n172.17.0.5\td db-host base\n172.17.0.9\tmine\n172.17.0.6\tnew\n"


def test_variables_are_dockers() -> None:
    config = ContainerConfig(
        env=["A=1", "B", "PATH=/bin", "HOME=/x"], exposed_ports={"81/tcp": {}, "80/tcp": {}, "53/udp": {}, "53/tcp": {}}
    )
    found = list(links.variables(WEB, [Linked("my-db", container("db", config=config), "172.17.0.2")]))
    assert len(found) == len(set(found))
    assert dict(text.split("=", 1) for text in found) == {
        "MY_DB_NAME": "/web/my-db",
        "MY_DB_ENV_A": "1",
        "MY_DB_PORT": "tcp://172.17.0.2:53",
        **{
            f"MY_DB_PORT_{number}_{protocol.upper()}{suffix}": value
            for number, protocol in ((53, "tcp"), (53, "udp"), (80, "tcp"), (81, "tcp"))
            for suffix, value in {
                "": f"{protocol}://172.17.0.2:{number}",
                "_ADDR": "172.17.0.2",
                "_PORT": str(number),
                "_PROTO": protocol,
            }.items()
        },
        "MY_DB_PORT_80_TCP_START": "tcp://172.17.0.2:80",
        "MY_DB_PORT_80_TCP_PORT_START": "80",
        "MY_DB_PORT_80_TCP_END": "tcp://172.17.0.2:81",
        "MY_DB_PORT_80_TCP_PORT_END": "81",
    }
