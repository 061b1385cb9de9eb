"""Errors that say which volume they are about, as dockerd's do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wharf.engine.volumes.record import Volume
from wharf.errors import EngineError, InvalidArgument, NotFound, NotImplementedByUs
from wharf.plugins.client import PluginFailed, PluginSilent

#: Kinds that say nothing of a volume.
_PLAIN: Final = frozenset({EngineError, PluginFailed, PluginSilent})


@contextmanager
def during(what: str, name: str) -> Iterator[None]:
    """Puts what was done to which volume before the text of an error."""
    try:
        yield
    except (InvalidArgument, NotFound, NotImplementedByUs) as error:
        raise type(error)(f"{what} {name}: {error}") from error
    except EngineError as error:
        if type(error) in _PLAIN:
            raise EngineError(f"{what} {name}: {error}") from error
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise EngineError(f"{what} {name}: {where}{error.strerror}") from error


@contextmanager
def mounting(volume: Volume) -> Iterator[None]:
    """Puts before the text of an error where the volume was to be mounted."""
    try:
        yield
    except EngineError as error:
        raise EngineError(f"error while mounting volume '{volume.mountpoint}': {error}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EngineError(f"error while mounting volume '{volume.mountpoint}': {reason}") from error
