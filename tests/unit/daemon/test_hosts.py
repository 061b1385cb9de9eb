from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.daemon.hosts import Host, SystemdHost, TcpHost, UnixHost, parse_host
from wharf.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("unix:///run/wharf.sock", UnixHost(Path("/run/wharf.sock"))),
        ("tcp://", TcpHost("", 2375)),
        ("tcp://:1234", TcpHost("", 1234)),
        ("tcp://127.0.0.1", TcpHost("127.0.0.1", 2375)),
        ("tcp://[::1]:1234", TcpHost("::1", 1234)),
        ("tcp://example.org:1/", TcpHost("example.org", 1)),
        ("fd://", SystemdHost()),
        ("fd://*", SystemdHost()),
        ("fd://wharf.socket", SystemdHost("wharf.socket")),
    ],
)
def test_hosts(text: str, host: Host) -> None:
    assert parse_host(text) == host


def test_the_default_port_with_tls() -> None:
    assert parse_host("tcp://a", tls=True) == TcpHost("a", 2376)


@pytest.mark.parametrize(
    "text",
    ["", "x", "unix://x", "npipe:////./pipe", "tcp://a:0", "tcp://a:65536", "tcp://a:b", "tcp://::1:2", "tcp://[1"],
)
def test_hosts_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_host(text)


@given(st.ip_addresses().map(str) | st.just(""), st.integers(1, 65535))
def test_what_we_print_we_can_read(address: str, port: int) -> None:
    host = TcpHost(address, port)
    assert parse_host(str(host)) == host
