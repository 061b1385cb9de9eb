"""What a volume driver offers. A volume is named by its name, which is unique over all drivers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

#: Asked now and then during a long piece of work: True ends it early with an EngineError.
Stopped = Callable[[], bool]


class VolumeDriver(Protocol):
    """Methods that may take long say so; they run in a thread, one at a time for each volume."""

    name: str  # as clients give it: "local"
    scope: str  # "local": on this machine; "global": the same on all

    def check(self, name: str, options: Mapping[str, str]) -> None:
        """Raises InvalidArgument for a name or option that can never work, NotImplementedByUs for one of the future."""

    def mountpoint(self, name: str) -> Path:
        """Where the volume's content is on this machine. Touches no disk."""

    def ensure(self, name: str) -> None:
        """Makes the volume's place unless it is there, and ends what an earlier process left half done. Quick."""

    def is_empty(self, name: str) -> bool:
        """Whether copy-up may fill it."""

    def fill(self, name: str, source: int, stopped: Stopped) -> None:
        """Copies the open directory `source` into the volume if that is empty. Long.

        All or nothing: after a failure, and after the death of this process, the volume counts as empty, or it is
        completed by the next ensure() or fill().
        """

    def withdraw(self, name: str) -> str:
        """Takes the volume out of sight, so that its name is free; returns what remove() wants. Quick.

        Fine when somebody deleted the volume by hand.
        """

    def remove(self, withdrawn: str) -> None:
        """Deletes what withdraw() took away. Long; fine when there is nothing."""

    def withdrawn(self) -> Mapping[str, str]:
        """What an earlier process withdrew and did not remove: for each, the name of the volume ("" if unknown)."""

    def recover(self, name: str) -> None:
        """Withdraws what an earlier process left of an unfinished fill(). Quick; nobody may be filling the volume."""

    def usage(self, name: str) -> int:
        """Bytes of all files, a file with several names counted once. Long."""
