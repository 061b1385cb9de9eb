"""Devices by path, and rules for devices."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import DeviceMapping, HostConfig
from wharf.engine.containers import devices
from wharf.errors import EngineError, InvalidArgument
from wharf.runtime.bundle import Device, DeviceRule

numbers = st.one_of(st.none(), st.integers(0, 2**32 - 1))


@given(st.sampled_from("abc"), numbers, numbers, st.text("rwm", min_size=1, max_size=3))
def test_rules(kind: str, major: int | None, minor: int | None, access: str) -> None:
    text = f"{kind} {'*' if major is None else major}:{'*' if minor is None else minor} {access}"
    assert devices.parse_rule(text) == DeviceRule(True, kind, major, minor, access)


@pytest.mark.parametrize(
    "text",
    ["", "c", "c 1:3", "x 1:3 r", "c 1 r", "c a:b r", "c 1:3 z", "c  1:3 r", "c 1:3 rwmr", "c 1:3 r\n", "c ²:3 r"],
)
def test_rules_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid device cgroup rule format"):
        devices.check(HostConfig(device_cgroup_rules=[text]))


def test_numbers_that_no_device_has() -> None:
    with pytest.raises(InvalidArgument, match="invalid major value in device cgroup rule format: 'c 9999999999:3 r'"):
        devices.parse_rule("c 9999999999:3 r")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (DeviceMapping(), " is not an absolute path"),
        (DeviceMapping(path_on_host="zero"), "zero is not an absolute path"),
        (DeviceMapping(path_on_host="/dev/zero", path_in_container="x"), "x is not an absolute path"),
        (DeviceMapping(path_on_host="/dev/zero", cgroup_permissions="R"), "bad mode specified: R"),
        (DeviceMapping(path_on_host="/dev/zero", cgroup_permissions="rwx"), "bad mode specified: rwx"),
    ],
)
def test_devices_that_cannot_be_asked_for(mapping: DeviceMapping, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        devices.check(HostConfig(devices=[mapping]))
    assert str(caught.value) == message


def test_a_directory_gives_all_below_it_under_its_name_in_the_container() -> None:
    nodes = {"/dev/dri": (Device("/dev/dri/card0", "c", 226, 0), Device("/dev/dri/by-path/x", "c", 226, 1))}
    mapping = DeviceMapping(path_on_host="/dev/dri", path_in_container="/gpu", cgroup_permissions="r")
    found = list(devices.given(HostConfig(devices=[mapping]), nodes))
    assert [device.path for device, _ in found] == ["/gpu/card0", "/gpu/by-path/x"]
    assert [rule for _, rule in found] == [DeviceRule(True, "c", 226, 0, "r"), DeviceRule(True, "c", 226, 1, "r")]


def test_access_that_nobody_limits_is_all() -> None:
    found = devices.given(
        HostConfig(devices=[DeviceMapping(path_on_host="/dev/a")]), {"/dev/a": (Device("/dev/a", "b", 8, 1),)}
    )
    assert list(found) == [(Device("/dev/a", "b", 8, 1, source="/dev/a"), DeviceRule(True, "b", 8, 1, "rwm"))]


@pytest.mark.parametrize(("name", "reason"), [("nothing", "no such file or directory"), ("file", "not a device node")])
def test_what_is_no_device(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / name)
    with pytest.raises(EngineError) as caught:
        asyncio.run(devices.found([DeviceMapping(path_on_host=path)]))
    assert str(caught.value) == f'error gathering device information while adding custom device "{path}": {reason}'
    with pytest.raises(EngineError, match="not a device node"):
        asyncio.run(devices.found([DeviceMapping(path_on_host=str(tmp_path))]))
