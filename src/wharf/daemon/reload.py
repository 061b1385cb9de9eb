"""SIGHUP: which options may change while the daemon runs, and taking them over."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from wharf.daemon import log_lines
from wharf.daemon.config import Config, load
from wharf.errors import EngineError

log = logging.getLogger(__name__)

#: Options that take effect at once; the others need a new start.
RELOADABLE: Final = frozenset({"debug", "labels", "log_level"})


def reloaded(old: Config, new: Config) -> tuple[Config, list[str], list[str]]:
    """The configuration from now on, the names of the options that changed, and of those that wait for a new start."""
    names = [name for name in Config.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    changed = [name for name in names if name in RELOADABLE]
    return msgspec.structs.replace(old, **{n: getattr(new, n) for n in changed}), changed, _others(names)


def _others(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in RELOADABLE]


def reload(old: Config, arguments: Sequence[str], apply: Callable[[Config], None]) -> Config:
    """Reads daemon.json again and applies what may change. A file that is wrong changes nothing and is only logged."""
    try:
        config, changed, waiting = reloaded(old, load(arguments))
    except EngineError as error:
        log.error("the configuration was not reloaded", extra={"reason": str(error)})
        return old
    log_lines.set_level("debug" if config.debug else config.log_level)
    apply(config)
    values = {name.replace("_", "-"): msgspec.json.encode(getattr(config, name)).decode() for name in changed}
    log.info("configuration reloaded", extra=values)
    if waiting:
        log.warning("some options need a new start", extra={"options": ", ".join(waiting).replace("_", "-")})
    return config
