"""Pulls: from a registry to a visible image."""

from wharf.apitypes.jsonmessage import Report
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.errors import NotImplementedByUs
from wharf.spec.reference import Reference


class Puller:
    """All pulls under way."""

    def __init__(self, stock: Stock, registries: RegistryConfig) -> None:
        self._stock = stock
        self.registries = registries

    async def pull(self, reference: Reference, platform: str, auth: RegistryAuth | None, report: Report) -> Image:
        raise NotImplementedByUs("pull")

    async def close(self) -> None: ...
