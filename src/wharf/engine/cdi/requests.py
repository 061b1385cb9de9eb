"""Which devices a container's requests mean, by their full names. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wharf.apitypes.containers import DeviceRequest
from wharf.engine.cdi.registry import Registry
from wharf.errors import EngineError

CDI: Final = "cdi"


@dataclass(frozen=True, slots=True)
class Driver:
    """Who offers GPUs by number: a vendor whose descriptions have this kind of device."""

    name: str
    kind: str
    capabilities: frozenset[str]

    def offers(self, capabilities: list[list[str]]) -> bool:
        """Whether it has all of any of the lists."""
        return any(self.capabilities.issuperset(wanted) for wanted in capabilities)


_NVIDIA: Final = "gpu nvidia compute compat32 graphics utility video display"
DRIVERS: Final = (
    Driver("nvidia", "nvidia.com/gpu", frozenset(_NVIDIA.split())),
    Driver("amd", "amd.com/gpu", frozenset(("gpu", "amd"))),
    Driver("intel", "intel.com/gpu", frozenset(("gpu", "intel"))),
)


def names(requests: Iterable[DeviceRequest], registry: Registry, *, by_name: bool = True) -> list[str]:
    """Full names of all devices that are asked for, each once. Raises EngineError, in dockerd's words.

    Unless `by_name`, this engine reads no descriptions.
    """
    found: dict[str, None] = {}
    for request in requests:
        named = request.driver == CDI and by_name
        found |= dict.fromkeys(_by_name(request) if named else _by_driver(request, registry))
    return list(found)


def _by_name(request: DeviceRequest) -> list[str]:
    if request.count:
        raise EngineError("unexpected count in CDI device request")
    return request.device_ids


def _by_driver(request: DeviceRequest, registry: Registry) -> Iterator[str]:
    for driver in DRIVERS:
        there = registry.kind(driver.kind)
        if there and request.driver in ("", driver.name) and driver.offers(request.capabilities):
            return (f"{driver.kind}={name}" for name in _chosen(request, there))
    wanted = " ".join(f"[{' '.join(one)}]" for one in request.capabilities)
    raise EngineError(f'could not select device driver "{request.driver}" with capabilities: [{wanted}]')


def _chosen(request: DeviceRequest, there: list[str]) -> list[str]:
    if request.count and request.device_ids:
        raise EngineError("cannot set both Count and DeviceIDs on device request")
    if request.count < 0:
        return ["all"] if "all" in there else there
    return request.device_ids or [str(number) for number in range(request.count)]
