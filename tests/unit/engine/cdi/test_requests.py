"""Which devices a request means."""

import pytest

from wharf.apitypes.containers import DeviceRequest
from wharf.engine.cdi.registry import Offer, Registry
from wharf.engine.cdi.requests import names
from wharf.errors import EngineError
from wharf.spec.cdi import parse_spec

GPU = [["gpu"]]


def registry(*kinds: str, devices: tuple[str, ...] = ("0", "1")) -> Registry:
    offers: dict[str, Offer] = {}
    for kind in kinds:
        listed = [{"name": name, "containerEdits": {"env": ["A=1"]}} for name in devices]
        spec = parse_spec({"cdiVersion": "0.6.0", "kind": kind, "devices": listed})
        offers |= {f"{kind}={device.name}": Offer(device, spec) for device in spec.devices}
    return Registry(offers, {})


NVIDIA = registry("nvidia.com/gpu")


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (DeviceRequest(driver="cdi", device_ids=["v.com/c=a", "v.com/c=b"]), ["v.com/c=a", "v.com/c=b"]),
        (DeviceRequest(driver="cdi"), []),
        (DeviceRequest(capabilities=GPU, count=-1), ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]),
        (DeviceRequest(capabilities=GPU, count=1), ["nvidia.com/gpu=0"]),
        (DeviceRequest(capabilities=GPU, count=3), [f"nvidia.com/gpu={n}" for n in range(3)]),
        (DeviceRequest(capabilities=GPU), []),
        (DeviceRequest(driver="nvidia", capabilities=[["gpu", "utility"]], device_ids=["1"]), ["nvidia.com/gpu=1"]),
        (DeviceRequest(capabilities=[["tpu"], ["gpu", "compute"]], count=1), ["nvidia.com/gpu=0"]),
    ],
)
def test_devices_that_are_meant(request_: DeviceRequest, found: list[str]) -> None:
    assert names([request_, request_], NVIDIA) == found


def test_a_vendor_that_has_a_name_for_all_of_them() -> None:
    request = DeviceRequest(capabilities=GPU, count=-1)
    assert names([request], registry("nvidia.com/gpu", devices=("0", "all"))) == ["nvidia.com/gpu=all"]


def test_the_vendor_is_one_that_is_there() -> None:
    request = DeviceRequest(capabilities=GPU, count=1)
    assert names([request], registry("amd.com/gpu")) == ["amd.com/gpu=0"]
    assert names([request], registry("amd.com/gpu", "nvidia.com/gpu")) == ["nvidia.com/gpu=0"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            DeviceRequest(capabilities=[["gpu", "odd"], ["x"]]),
            'could not select device driver "" with capabilities: [[gpu odd] [x]]',
        ),
        (DeviceRequest(), 'could not select device driver "" with capabilities: []'),
        (
            DeviceRequest(driver="odd", capabilities=GPU),
            'could not select device driver "odd" with capabilities: [[gpu]]',
        ),
        (
            DeviceRequest(driver="amd", capabilities=GPU),
            'could not select device driver "amd" with capabilities: [[gpu]]',
        ),
        (DeviceRequest(driver="cdi", count=1, device_ids=["a"]), "unexpected count in CDI device request"),
        (
            DeviceRequest(capabilities=GPU, count=1, device_ids=["0"]),
            "cannot set both Count and DeviceIDs on device request",
        ),
    ],
)
def test_requests_that_nobody_can_fulfil(request_: DeviceRequest, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        names([request_], NVIDIA)
    assert str(caught.value) == message


def test_an_engine_that_reads_no_descriptions_has_no_devices_by_name() -> None:
    with pytest.raises(EngineError, match='could not select device driver "cdi" with capabilities: '):
        names([DeviceRequest(driver="cdi", device_ids=["v.com/c=a"])], NVIDIA, by_name=False)
