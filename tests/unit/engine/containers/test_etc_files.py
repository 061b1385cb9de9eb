import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.containers import etc_files
from wharf.errors import EngineError, InvalidArgument


def test_hosts_names_the_container_and_what_was_added() -> None:
    text = etc_files.hosts(
        "web", "example.org", ["172.17.0.2"], ["db:10.0.0.1", "gw:host-gateway", "six:::1"], "172.17.0.1"
    )
    lines = text.splitlines()
    assert lines[0] == "127.0.0.1\tlocalhost"
    assert lines[-4:] == ["10.0.0.1\tdb", "172.17.0.1\tgw", "::1\tsix", "172.17.0.2\tweb.example.org web"]


@pytest.mark.parametrize(
    ("hostname", "domain", "names"),
    [
        ("web", "", "web"),
        ("web.example.org", "", "web.example.org web"),
        ("web.example", "org", "web.example.org web"),
    ],
)
def test_a_container_knows_itself_by_its_whole_and_its_short_name(hostname: str, domain: str, names: str) -> None:
    assert etc_files.own_line(hostname, domain, "172.17.0.2") == f"172.17.0.2\t{names}\n"


@pytest.mark.parametrize("text", ["db:10.0.0.1", "six:::1", "gw:host-gateway"])
def test_extra_hosts(text: str) -> None:
    etc_files.check_extra_host(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("db", 'bad format for add-host: "db"'),
        (":1.1.1.1", 'bad format for add-host: ":1.1.1.1"'),
        ("db=1.1.1.1", 'bad format for add-host: "db=1.1.1.1"'),
        ("a\nb:1.1.1.1", 'bad format for add-host: "a\nb:1.1.1.1"'),
        ("db:", 'invalid IP address in add-host: ""'),
        ("db:nowhere", 'invalid IP address in add-host: "nowhere"'),
        ("db:[::1]", 'invalid IP address in add-host: "[::1]"'),
    ],
)
def test_extra_hosts_without_a_name_or_an_address_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        etc_files.check_extra_host(text)
    assert str(caught.value) == message


def test_where_there_is_no_gateway_nothing_can_be_named_after_it() -> None:
    with pytest.raises(EngineError, match="unable to derive the IP value for host-gateway"):
        etc_files.hosts("web", "", [], ["gw:host-gateway"])


HOST = """\
# made by something
nameserver 127.0.0.53
nameserver 192.0.2.1 # the real one
search old.example
search example.org .
options edns0
"""


def test_loopback_resolvers_are_left_out() -> None:
    text = etc_files.resolv_conf(HOST, keep_loopback=False)
    assert text == "nameserver 192.0.2.1\nsearch example.org\noptions edns0\n"


def test_on_the_host_network_they_stay() -> None:
    assert "127.0.0.53" in etc_files.resolv_conf(HOST, keep_loopback=True)


def test_the_request_replaces_each_part_alone() -> None:
    text = etc_files.resolv_conf(HOST, keep_loopback=False, servers=["192.0.2.9"], options=["ndots:2"])
    assert text == "nameserver 192.0.2.9\nsearch example.org\noptions ndots:2\n"


def test_a_dot_empties_the_search_list() -> None:
    assert "search" not in etc_files.resolv_conf(HOST, keep_loopback=False, search=["."])


def test_some_resolver_is_always_there() -> None:
    for server in etc_files.FALLBACK_NAMESERVERS:
        assert server in etc_files.resolv_conf("nameserver ::1\nnameserver junk\n", keep_loopback=False)


def test_a_running_containers_addresses_change() -> None:
    before = etc_files.hosts("web", "", ["172.18.0.2", "fd00::2"], ["db:10.0.0.9", "web:10.0.0.7"])
    more = etc_files.with_addresses(before, "web", "", ["172.18.0.2", "fd00::2", "172.19.0.2"], ["web:10.0.0.7"])
    assert more == f"{before}172.19.0.2\tweb\n"
    less = etc_files.with_addresses(more, "web", "", ["172.19.0.2"], ["web:10.0.0.7"])
    assert less == more.replace("172.18.0.2\tweb\n", "").replace("fd00::2\tweb\n", "")
    assert "10.0.0.7\tweb\n" in less and "127.0.0.1\tlocalhost\n" in less
    own = "10.1.1.1 other # the container's own"
    assert etc_files.with_addresses(own, "web", "example.org", ["172.18.0.2"], []) == (
        f"{own}\n172.18.0.2\tweb.example.org web\n"
    )


@given(st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]), unique=True), st.text("ab\n\t #"))
def test_noting_addresses_twice_changes_nothing(addresses: list[str], text: str) -> None:
    once = etc_files.with_addresses(text, "web", "", addresses, [])
    assert etc_files.with_addresses(once, "web", "", addresses, []) == once
    assert etc_files.with_addresses(once, "web", "", [], []).rstrip("\n") == text.rstrip("\n")
