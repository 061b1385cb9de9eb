"""Errors about plugins, in dockerd's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound


class NoSuchPlugin(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f'plugin "{name}" not found')
        self.name = name


class PluginExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"plugin {name} already exists")


class PluginInUse(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"plugin {name} is in use")


class PluginEnabled(Conflict):
    """`what` says why that is in the way."""

    def __init__(self, name: str, what: str = "") -> None:
        super().__init__(f"{what}: plugin {name} is enabled" if what else f"plugin {name} is enabled")


class PluginDisabled(Conflict):
    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{what}: plugin {name} found but disabled")


@contextmanager
def unclassified() -> Iterator[None]:
    """What is wrong with a request becomes a fault without a kind: dockerd's plugin operations know no 400."""
    try:
        yield
    except InvalidArgument as error:
        raise EngineError(str(error)) from error
