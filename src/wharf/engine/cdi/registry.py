"""The devices that the descriptions of this host offer."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wharf.spec.cdi import Device, Spec, parse_spec

_SUFFIXES: Final = (".json", ".yaml")
#: Bytes of a description; those of a machine with many devices have a hundredth.
_LARGEST: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Offer:
    """One device, with the description that it is from."""

    device: Device
    spec: Spec

    @property
    def name(self) -> str:
        return f"{self.spec.kind}={self.device.name}"


@dataclass(frozen=True, slots=True)
class Registry:
    """What was found: devices by their full name (`vendor.com/class=name`), and what is wrong with which files."""

    offers: Mapping[str, Offer]
    faults: Mapping[str, str]

    def kind(self, kind: str) -> list[str]:
        """The names, within their kind, of all devices of one."""
        return [offer.device.name for offer in self.offers.values() if offer.spec.kind == kind]


def read(directories: Iterable[Path]) -> Registry:
    """Reads all descriptions. Blocks. A later directory wins over an earlier one.

    Two files of one directory that offer the same device offer none: nobody could tell which is meant.
    """
    offers: dict[str, Offer] = {}
    faults: dict[str, str] = {}
    for directory in directories:
        here: dict[str, tuple[str, Offer]] = {}
        for path in _files(directory):
            try:
                spec = parse_spec(_document(path))
            except (OSError, ValueError) as error:
                faults[str(path)] = f"failed to load CDI Spec invalid CDI Spec: {error}"
                continue
            for offer in (Offer(device, spec) for device in spec.devices):
                if offer.name in here:
                    first = here[offer.name][0]
                    faults[str(path)] = faults[first] = f'conflicting device "{offer.name}"'
                here[offer.name] = (str(path), offer)
        clashes = {name for name, (path, _) in here.items() if f'"{name}"' in faults.get(path, "")}
        offers |= {name: offer for name, (_, offer) in here.items() if name not in clashes}
    return Registry(dict(sorted(offers.items())), faults)


def _files(directory: Path) -> Iterator[Path]:
    try:
        found = sorted(directory.iterdir())
    except OSError:
        return  # most hosts have none
    yield from (path for path in found if path.suffix in _SUFFIXES)


def _document(path: Path) -> Any:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError("the file is too large")
    if path.suffix == ".json":
        return json.loads(data)
    # Here and not above: only where a vendor has written one does it cost anything.
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise ValueError(f"yaml: {error}") from None
