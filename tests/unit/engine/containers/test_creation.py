import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import ContainerConfig, HostConfig, PortBinding, RestartPolicy
from wharf.engine.containers import creation
from wharf.errors import InvalidArgument
from wharf.spec.image_config import RunConfig

IMAGE = RunConfig(
    entrypoint=["/entry"],
    cmd=["default"],
    env=["PATH=/image", "LANG=C"],
    user="app",
    working_dir="/srv",
    labels={"a": "image", "b": "image"},
)


@pytest.mark.parametrize(
    ("own", "argv"),
    [
        (ContainerConfig(), ["/entry", "default"]),
        (ContainerConfig(cmd=["x"]), ["/entry", "x"]),
        (ContainerConfig(entrypoint=["/mine"]), ["/mine"]),
        (ContainerConfig(entrypoint=["/mine"], cmd=["x"]), ["/mine", "x"]),
        (ContainerConfig(entrypoint=[""], cmd=["sh"]), ["sh"]),
    ],
)
def test_entrypoint_and_command(own: ContainerConfig, argv: list[str]) -> None:
    merged = creation.merge(own, IMAGE)
    assert [*(merged.entrypoint or []), *(merged.cmd or [])] == argv


def test_the_request_wins_over_the_image() -> None:
    own = ContainerConfig(env=["PATH=/mine"], user="0", labels={"a": "own"})
    merged = creation.merge(own, IMAGE)
    assert merged.env == ["PATH=/mine", "LANG=C"]
    assert (merged.user, merged.working_dir) == ("0", "/srv")
    assert merged.labels == {"a": "own", "b": "image"}


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="No command specified"):
        creation.merge(ContainerConfig(entrypoint=[""]), RunConfig())


@given(st.lists(st.sampled_from(["A=1", "A=2", "B=1", "C"])), st.lists(st.sampled_from(["A=9", "D=9"])))
def test_the_images_variables_never_replace_ours(own: list[str], image: list[str]) -> None:
    merged = creation.merge_environment(own, image)
    assert merged[: len(own)] == own
    names = {text.partition("=")[0] for text in own}
    assert all(text.partition("=")[0] not in names for text in merged[len(own) :])


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(ipc_mode="odd"),
        HostConfig(pid_mode="odd"),
        HostConfig(uts_mode="odd"),
        HostConfig(cap_add=["no such"]),
        HostConfig(cap_drop=["CAP_ODD"]),
        HostConfig(cap_add=["CAP_ALL"]),
        HostConfig(extra_hosts=["name"]),
        HostConfig(extra_hosts=["name:odd"]),
        HostConfig(dns=["odd"]),
        HostConfig(network_mode="container:"),
        HostConfig(network_mode="container:x", port_bindings={"80/tcp": [PortBinding()]}),
        HostConfig(auto_remove=True, restart_policy=RestartPolicy(name="always")),
    ],
)
def test_host_options_that_cannot_be(host: HostConfig) -> None:
    with pytest.raises(InvalidArgument):
        creation.check(ContainerConfig(), host)


@pytest.mark.parametrize(
    "config",
    [
        ContainerConfig(hostname="a b"),
        ContainerConfig(hostname="x" * 65),
        ContainerConfig(working_dir="relative"),
        ContainerConfig(env=["=x"]),
        ContainerConfig(cmd=["a\0b"]),
        ContainerConfig(stop_signal="SIGODD"),
        ContainerConfig(exposed_ports={"x": {}}),
    ],
)
def test_process_options_that_cannot_be(config: ContainerConfig) -> None:
    with pytest.raises(InvalidArgument):
        creation.check(config, HostConfig())


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(cap_add=["ALL"], cap_drop=["net_raw", "CAP_CHOWN"]),
        HostConfig(extra_hosts=["a:1.2.3.4", "c:::1", "d:host-gateway"], dns=["1.1.1.1", "::1"]),
    ],
)
def test_host_options_that_can_be(host: HostConfig) -> None:
    assert creation.check(ContainerConfig(), host) == []


def test_an_ordinary_request_passes_without_a_word() -> None:
    assert creation.check(ContainerConfig(hostname="web-1.example"), HostConfig(memory=64 << 20)) == []


@pytest.mark.parametrize(
    ("default", "privileged", "unified", "chosen"),
    [
        ("", False, False, "host"),
        ("", False, True, "private"),
        ("", True, True, "private"),
        ("private", False, False, "private"),
        ("private", True, False, "host"),  # version 1 has no use for one without the rest
        ("host", False, True, "host"),
    ],
)
def test_the_cgroup_namespace_of_who_asks_for_none(default: str, privileged: bool, unified: bool, chosen: str) -> None:
    assert creation.cgroup_namespace(default, HostConfig(privileged=privileged), unified=unified) == chosen


def test_paths_are_hidden_unless_the_request_says_otherwise() -> None:
    assert "/proc/kcore" in creation.hidden_paths(HostConfig())["masked_paths"]
    assert creation.hidden_paths(HostConfig(), ("/sys/x",))["masked_paths"] == ["/sys/x"]
    assert list(creation.hidden_paths(HostConfig(masked_paths=[]))) == ["readonly_paths"]
    assert creation.hidden_paths(HostConfig(privileged=True)) == {}


def test_the_containers_own_mac_address_is_checked() -> None:
    with pytest.raises(InvalidArgument, match="invalid MAC address nonsense"):
        creation.check(ContainerConfig(mac_address="nonsense"), HostConfig())
