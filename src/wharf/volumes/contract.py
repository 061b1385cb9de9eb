"""What a volume driver offers. A volume is named by its name, which is unique over all drivers."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Described:
    """What a driver tells of a volume."""

    mountpoint: str = ""  # "" while nobody has it mounted and the driver does not know where it will be
    created_at: str = ""  # RFC 3339; "" when the driver does not know
    status: Mapping[str, Any] = field(default_factory=dict)  # whatever the driver wants people to see


class VolumeDriver(Protocol):
    """One change of a volume at a time; the caller sees to it. All raise EngineError and its kinds."""

    name: str  # as clients give it: "local"
    scope: str  # "local": on this machine; "global": the same on all

    async def create(self, name: str, options: Options) -> None:
        """Makes the volume; fine when it is there. Raises InvalidArgument for what can never work; nothing is made."""

    async def describe(self, name: str) -> Described:
        """Raises NotFound for a volume that the driver does not have."""

    async def names(self) -> Sequence[str]:
        """The volumes that the driver has without our having made them."""

    def needs_mount(self, options: Options) -> bool:
        """Whether mount() takes something that only unmount() gives back."""

    async def mount(self, name: str, options: Options, user: str) -> str:
        """Makes the content available to `user`; its path on this machine. Fine when it was mounted for the same."""

    async def unmount(self, name: str, options: Options, user: str, *, last: bool) -> None:
        """`user` does not want it any more; `last`: nobody does. Fine when it was not mounted."""

    def may_be_empty(self, name: str, options: Options) -> bool:
        """Whether it is worth while to mount() for a fill(). Quick."""

    def held(self, path: str) -> AbstractContextManager[str]:
        """Another name for `path`, where a volume is mounted, by which nobody is led elsewhere. Entering it may block.

        Raises EngineError for a path that cannot be used.
        """

    async def fill(self, name: str, path: str, source: int) -> None:
        """Copies the open directory `source` into the volume, which is mounted at `path`, if that is empty. Long."""

    async def withdraw(self, name: str) -> str:
        """Removes the volume as far as its name is free then; returns what remove() wants."""

    async def remove(self, withdrawn: str) -> None:
        """Deletes what withdraw() took away. Long; fine when there is nothing."""

    async def usage(self, name: str, options: Options) -> int:
        """Bytes of all files; -1 for a driver that does not count, or cannot now. Long."""
