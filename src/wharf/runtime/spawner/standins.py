"""Stand-ins for modules of which the shims' code needs next to nothing while it runs.

`typing` and `collections`, with the regular expressions and enumerations that they bring, are 1.5 MiB in the spawner,
and so a part of every shim. What our code takes of them are words for annotations, and one C class. Whoever wants more,
such as a library that a rare shim loads later, gets the real module.
"""

import _collections  # type: ignore[import-not-found]
import _collections_abc
import sys
from types import ModuleType


class Word:
    """Stands where an annotation is evaluated, or where a class says which contract it keeps."""

    def __class_getitem__(cls, _: object) -> type:
        return cls


class StandIn(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            for loaded in [one for one in sys.modules if f"{one}.".startswith(f"{self.__name__}.")]:
                del sys.modules[loaded]
        __import__(self.__name__)
        return getattr(sys.modules[self.__name__], name)


def stand_in(module: str, **members: object) -> None:
    """Unless the module is there already."""
    made = sys.modules.setdefault(module, StandIn(module))
    if isinstance(made, StandIn):
        made.__dict__.update(members)


def place() -> None:
    """To be called before anything is imported that should not be."""
    stand_in("typing", Any=Word, Final=Word, NoReturn=Word, Protocol=Word)
    stand_in("collections", deque=_collections.deque, abc=_collections_abc)
    sys.modules.setdefault("collections.abc", _collections_abc)
