"""What the drivers have in common, as the engine sees it."""

from collections.abc import Sequence
from typing import Protocol

from wharf.snapshots.contract import Snapshots
from wharf.snapshots.layers import Layers
from wharf.spec.digest import Digest


class LayeredSnapshots(Snapshots, Protocol):
    """A snapshotter with the layers it stacks."""

    layers: Layers

    async def open(self) -> None:
        """Reads the records and sweeps leftovers. Raises EngineError where the driver cannot work."""

    async def close(self) -> None:
        """Waits for removals in the background."""

    def restore(self, id: str, layers: Sequence[Digest]) -> None:
        """Tells what container `id` stands on, for what a crash may have taken. Nothing without a writable layer."""

    def image_graph_driver(self, layers: Sequence[Digest]) -> dict[str, str]:
        """The GraphDriver.Data of an image's inspect."""

    def containers(self) -> list[str]:
        """The ids that have a writable layer."""

    def layers_in_use(self) -> set[Digest]:
        """The layers that containers stand on, whatever became of their images."""
