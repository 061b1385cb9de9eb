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
    NetworkSettings,
    SummaryNetworkSettings,
)
from wharf.apitypes.images import ImageInspect, ImageSummary

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


def test_the_mac_address_was_the_containers_until_1_43() -> None:
    assert shape(INSPECT, 43)["Config"]["MacAddress"] == "02:42:ac:11:00:02"
    assert "MacAddress" not in shape(INSPECT, 44)["Config"]


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


@pytest.mark.parametrize(("version", "has"), [(43, True), (44, False)])
def test_images_had_a_virtual_size(version: int, has: bool) -> None:
    for value in (ImageInspect(id="i"), ImageSummary(id="i")):
        assert ("VirtualSize" in shape(value, version)) == has


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
