"""How answers looked in older versions."""

from typing import Any

import msgspec
import pytest

from wharf.api.compat import SHAPES, shaped, stream_type
from wharf.apitypes.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerState,
    ContainerSummary,
    EndpointSettings,
    HostConfig,
    MountPoint,
    NetworkSettings,
    SummaryHostConfig,
    SummaryNetworkSettings,
)
from wharf.apitypes.images import ImageInspect, ImageSummary
from wharf.apitypes.system import DiskUsage, FirewallInfo, Info

INSPECT = ContainerInspect(
    id="f",
    created="",
    path="",
    args=[],
    state=ContainerState(status="running"),
    image="",
    config=ContainerConfig(image="busybox"),
    network_settings=NetworkSettings(
        mac_address="02:42:ac:11:00:02", ip_address="172.17.0.2", networks={"bridge": EndpointSettings()}
    ),
)
SUMMARY = ContainerSummary(
    id="f", names=["/a"], image="b", network_settings=SummaryNetworkSettings(networks={"bridge": EndpointSettings()})
)


def shape(value: Any, version: int) -> Any:
    return msgspec.to_builtins(shaped(value, version))


def test_the_mac_address_was_the_containers_until_1_51() -> None:
    assert "MacAddress" not in shape(INSPECT, 43)["Config"]
    asked = msgspec.structs.replace(INSPECT, config=ContainerConfig(mac_address="02:42:00:00:00:01"))
    assert shape(asked, 43)["Config"]["MacAddress"] == "02:42:00:00:00:01"
    assert shape(asked, 51)["Config"]["MacAddress"] == "02:42:00:00:00:01"
    assert "MacAddress" not in shape(asked, 52)["Config"]


@pytest.mark.parametrize(("version", "aliases"), [(44, ["db", "0123456789ab"]), (45, ["db"])])
def test_the_short_id_was_an_alias_until_1_44(version: int, aliases: list[str]) -> None:
    endpoints = {"bridge": EndpointSettings(), "front": EndpointSettings(aliases=["db"])}
    inspect = msgspec.structs.replace(
        INSPECT, id="0123456789ab" + "0" * 52, network_settings=NetworkSettings(networks=endpoints)
    )
    found = shape(inspect, version)["NetworkSettings"]["Networks"]
    assert (found["front"]["Aliases"], found["bridge"]["Aliases"]) == (aliases, None)


def test_a_mount_shows_what_its_type_has() -> None:
    points = [MountPoint(type="bind", source="/a"), MountPoint(type="volume", name="v", driver="local")]
    for value in (msgspec.structs.replace(INSPECT, mounts=points), msgspec.structs.replace(SUMMARY, mounts=points)):
        bind, volume = shape(value, 51)["Mounts"]
        assert set(bind) == {"Type", "Source", "Destination", "Mode", "RW", "Propagation"}
        assert set(volume) == {*bind, "Name", "Driver"}


def test_the_default_bridges_settings_are_repeated_until_1_51() -> None:
    assert shape(INSPECT, 51)["NetworkSettings"]["IPAddress"] == "172.17.0.2"
    assert set(shape(INSPECT, 52)["NetworkSettings"]) == {"SandboxID", "SandboxKey", "Ports", "Networks"}


@pytest.mark.parametrize(
    ("version", "names", "priority"), [(43, False, False), (44, True, False), (47, True, False), (48, True, True)]
)
def test_endpoints_grew(version: int, names: bool, priority: bool) -> None:
    for value in (INSPECT, SUMMARY):
        endpoint = shape(value, version)["NetworkSettings"]["Networks"]["bridge"]
        assert ("DNSNames" in endpoint, "GwPriority" in endpoint) == (names, priority)


@pytest.mark.parametrize(("version", "mode"), [(24, "default"), (44, "default"), (45, "bridge"), (54, "bridge")])
def test_the_default_network_got_its_name(version: int, mode: str) -> None:
    host = HostConfig(network_mode="default")
    inspect = msgspec.structs.replace(INSPECT, host_config=host)
    summary = msgspec.structs.replace(SUMMARY, host_config=SummaryHostConfig(network_mode="default"))
    for value in (inspect, summary):
        assert shape(value, version)["HostConfig"]["NetworkMode"] == mode
    other = msgspec.structs.replace(INSPECT, host_config=HostConfig(network_mode="front"))
    assert shape(other, version)["HostConfig"]["NetworkMode"] == "front"


@pytest.mark.parametrize(("version", "has"), [(43, True), (44, False)])
def test_images_had_a_virtual_size(version: int, has: bool) -> None:
    for value in (ImageInspect(id="i"), ImageSummary(id="i")):
        assert ("VirtualSize" in shape(value, version)) == has


@pytest.mark.parametrize("version", [24, 41, 44, 54])
def test_what_is_not_set_is_absent_or_null_as_with_dockerd(version: int) -> None:
    shown = shape(INSPECT, version)
    config, host = shown["Config"], shown["HostConfig"]
    optional = {"ArgsEscaped", "ExposedPorts", "Healthcheck", "NetworkDisabled", "Shell", "StopSignal", "StopTimeout"}
    assert not optional & set(config)
    assert config["Volumes"] is None and config["Labels"] == {}
    assert not {"Annotations", "Init", "Mounts", "StorageOpt", "Sysctls", "Tmpfs"} & set(host)
    assert [host[name] for name in ("Binds", "CapAdd", "SecurityOpt", "VolumesFrom")] == [None] * 4
    assert host["ConsoleSize"] == [0, 0] and host["Devices"] == [] and host["Memory"] == 0


def test_what_is_set_is_shown_also_when_it_is_nothing() -> None:
    inspect = msgspec.structs.replace(
        INSPECT,
        config=ContainerConfig(stop_timeout=0, exposed_ports={"80/tcp": {}}, stop_signal="SIGINT", volumes={"/v": {}}),
        host_config=HostConfig(init=False, binds=["/a:/b"], console_size=[24, 80], sysctls={"a": "b"}),
    )
    shown = shape(inspect, 54)
    config, host = shown["Config"], shown["HostConfig"]
    assert (config["StopTimeout"], config["StopSignal"]) == (0, "SIGINT")
    assert (config["ExposedPorts"], config["Volumes"]) == ({"80/tcp": {}}, {"/v": {}})
    assert (host["Init"], host["Binds"], host["ConsoleSize"]) == (False, ["/a:/b"], [24, 80])
    assert host["Sysctls"] == {"a": "b"}


@pytest.mark.parametrize(("version", "has"), [(49, True), (50, False)])
def test_images_had_members_that_only_containers_have(version: int, has: bool) -> None:
    config = shape(ImageInspect(id="i"), version)["Config"]
    assert ("Hostname" in config, "Tty" in config) == (has, has)
    assert "Entrypoint" in config and config["Labels"] is None


def test_disk_usage_shows_its_objects_as_lists_do() -> None:
    usage = DiskUsage(containers=[SUMMARY], images=[ImageSummary(id="i")], volumes=None)
    old, new = shape(usage, 41), shape(usage, 51)
    assert old["Containers"][0] == shape(SUMMARY, 41) and new["Containers"][0] == shape(SUMMARY, 51)
    assert "VirtualSize" in old["Images"][0] and "VirtualSize" not in new["Images"][0]
    assert new["Volumes"] is None and "BuildCache" not in new


@pytest.mark.parametrize(
    ("version", "absent"),
    [
        (41, {"CDISpecDirs", "FirewallBackend"}),
        (44, {"FirewallBackend"}),
        (49, set()),
        (50, {"BridgeNfIptables", "BridgeNfIp6tables"}),
        (54, {"BridgeNfIptables", "BridgeNfIp6tables", "KernelMemoryTCP"}),
    ],
)
def test_info_has_what_its_version_has(version: int, absent: set[str]) -> None:
    info = Info(bridge_nf_iptables=True, firewall_backend=FirewallInfo(driver="nftables"))
    shown = shape(info, version)
    assert set(shape(info, 49)) | {"KernelMemoryTCP"} == set(shown) | absent
    assert shown["Warnings"] is None
    assert shown.get("BridgeNfIptables", False) == (version < 48)
    assert ("Expected" in shown["RuncCommit"]) == (version < 49)


@pytest.mark.parametrize(("version", "listed"), [(50, -1), (51, 2)])
def test_lists_of_images_count_containers_since_1_51_and_disk_usage_always(version: int, listed: int) -> None:
    image = ImageSummary(id="i", containers=2)
    assert shape([image], version)[0]["Containers"] == listed
    assert shape(DiskUsage(images=[image]), version)["Images"][0]["Containers"] == 2


@pytest.mark.parametrize(("version", "has"), [(41, True), (42, False)])
def test_the_builders_size(version: int, has: bool) -> None:
    assert ("BuilderSize" in shape(DiskUsage(images=[], builder_size=0), version)) == has


def test_lists_are_shaped_entry_by_entry() -> None:
    assert "VirtualSize" not in shape([ImageSummary(id="i")], 54)[0]


def test_the_value_itself_is_left_alone() -> None:
    before = msgspec.json.encode(INSPECT)
    shaped(INSPECT, 24)
    assert msgspec.json.encode(INSPECT) == before


def test_no_row_is_out_of_reach() -> None:
    for rows in SHAPES.values():
        assert all(first <= last for first, last, _ in rows)


@pytest.mark.parametrize(
    ("version", "tty", "kind"), [(41, False, "raw"), (42, False, "multiplexed"), (54, True, "raw"), (24, True, "raw")]
)
def test_the_content_type_of_output(version: int, tty: bool, kind: str) -> None:
    assert stream_type(version, tty=tty) == f"application/vnd.docker.{kind}-stream"
