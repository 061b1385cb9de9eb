"""Kernel parameters of containers. The words are those of runc, which dockerd passes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import HostConfig
from wharf.engine.containers.sysctls import DEFAULTS_OF_NETWORK, check, dotted, in_config, of_network
from wharf.errors import InvalidArgument


@pytest.mark.parametrize(
    ("name", "host", "message"),
    [
        ("kernel.shmmax", {"ipc_mode": "host"}, 'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace'),
        ("fs.mqueue.msg_max", {"ipc_mode": "host"}, 'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc'),
        ("net.core.x", {"network_mode": "host"}, 'sysctl "net.core.x" not allowed in host network namespace'),
        ("net/core/x", {"network_mode": "host"}, 'sysctl "net.core.x" not allowed in host network namespace'),
        (
            "kernel.hostname",
            {},
            'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
        ),
        ("kernel.domainname", {"uts_mode": "host"}, 'sysctl "kernel.domainname" is not in a separate kernel namespace'),
        ("kernel.panic", {}, 'sysctl "kernel.panic" is not in a separate kernel namespace'),
        ("fs.file-max", {}, 'sysctl "fs.file-max" is not in a separate kernel namespace'),
        ("kernel.shm", {}, 'sysctl "kernel.shm" is not in a separate kernel namespace'),
        ("net", {}, 'sysctl "net" is not in a separate kernel namespace'),
        ("", {}, 'invalid sysctl ""'),
        ("net.../../kernel.panic", {}, 'invalid sysctl "net.../../kernel.panic"'),
        ("net.", {}, 'invalid sysctl "net."'),
    ],
)
def test_what_is_not_the_containers_alone(name: str, host: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(HostConfig(sysctls={name: "1"}, **host))  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "name",
    ["kernel.shmmax", "kernel/sem", "fs.mqueue.msg_max", "net.ipv4.ip_forward", "net/ipv4/conf/eth0.1/rp_filter"],
)
def test_what_is(name: str) -> None:
    check(HostConfig(sysctls={name: "1"}, network_mode="none", ipc_mode="private"))


@given(st.text("ab./"))
def test_reading_a_name_twice_changes_nothing_more(name: str) -> None:
    assert dotted(dotted(name)) in (dotted(name), name)


@given(st.dictionaries(st.text("net./a\0"), st.text()))
def test_no_name_leads_out_of_its_namespace(sysctls: dict[str, str]) -> None:
    try:
        check(HostConfig(sysctls=sysctls))
    except InvalidArgument:
        return
    for name in sysctls:
        parts = dotted(name).replace("/", "").split(".")
        assert parts[0] == "net" and all(parts)


def test_those_of_the_shims_network_are_paths_with_dockers_defaults() -> None:
    host = HostConfig(sysctls={"net.ipv4.ping_group_range": "1 1", "net/ipv4/conf/eth0.1/x": "2", "kernel.sem": "3"})
    assert of_network(host) == {
        "net/ipv4/ip_unprivileged_port_start": "0",
        "net/ipv4/ping_group_range": "1 1",
        "net/ipv4/conf/eth0.1/x": "2",
    }


@pytest.mark.parametrize(
    ("network", "found"),
    [
        ("bridge", {"kernel.sem": "3"}),
        ("none", DEFAULTS_OF_NETWORK | {"net.core.x": "1", "kernel.sem": "3"}),
        ("container", {"net.core.x": "1", "kernel.sem": "3"}),
        ("host", {"net.core.x": "1", "kernel.sem": "3"}),
    ],
)
def test_the_runtime_sets_the_others(network: str, found: dict[str, str]) -> None:
    assert in_config(HostConfig(sysctls={"net.core.x": "1", "kernel.sem": "3"}), network) == found
