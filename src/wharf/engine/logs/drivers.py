"""The table of log drivers: what each understands, and what its container needs. Pure, but see syslog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharf.apitypes.containers import LogConfig
from wharf.engine.logs import files, fluentd, gelf, journald, syslog
from wharf.engine.logs.about import About, check_tag, compile_pattern
from wharf.engine.logs.reading_values import read_bool
from wharf.errors import InvalidArgument
from wharf.runtime.contract import Log, LogFile, LogReceiver
from wharf.spec.sizes import parse_size

_Options = Mapping[str, str]
NON_BLOCKING: Final = "non-blocking"
_DEFAULT_BUFFER: Final = 1_000_000  # bytes, as dockerd's
#: What every driver takes. The cache is of use where the driver writes no file itself.
_CACHE: Final = ("cache-disabled", *(f"cache-{name}" for name in sorted(files.LOCAL_OPTIONS)))
_FOR_ALL: Final = frozenset({"mode", "max-buffer-size", *_CACHE})


@dataclass(frozen=True, slots=True)
class Driver:
    """`check` raises InvalidArgument; `receiver` is None for a driver that writes a file."""

    options: frozenset[str]
    check: Callable[[_Options], object]
    receiver: Callable[[About], LogReceiver] | None = None
    unknown: str = "unknown log opt '%s' for %s log driver"


#: In the directory of a container, as json_name() is.
_LOCAL_NAME: Final = "local.log"
_CACHE_NAME: Final = "cached.log"
_HERE: Final = Path()
DRIVERS: Final[Mapping[str, Driver]] = {
    "fluentd": Driver(fluentd.OPTIONS, fluentd.check, fluentd.receiver),
    "gelf": Driver(gelf.OPTIONS, gelf.check, gelf.receiver),
    "journald": Driver(journald.OPTIONS, lambda options: None, journald.receiver),
    "json-file": Driver(files.JSON_FILE_OPTIONS, lambda options: files.json_file(options, _HERE, {})),
    "local": Driver(
        files.LOCAL_OPTIONS,
        lambda options: files.local(options, _HERE),
        unknown="unknown log opt '%s' for log driver %s",
    ),
    "syslog": Driver(syslog.OPTIONS, syslog.check, syslog.receiver),
}
#: As GET /info lists them.
NAMES: Final = (*sorted({*DRIVERS, "none"}),)


def check(config: LogConfig) -> None:
    """Raises InvalidArgument, in dockerd's words, for a driver, an option or a value that does not exist."""
    name, options = config.type or "json-file", config.config
    if name == "none":
        return
    _check_mode(options)
    if (text := options.get("cache-disabled", "")) and not _is_bool(text):
        raise InvalidArgument(f"invalid value for option cache-disabled: {text}")
    driver = DRIVERS.get(name)
    if driver is None:
        raise InvalidArgument(f'error looking up logging plugin {name}: plugin "{name}" not found')
    if name == "gelf":
        driver.check(options)  # dockerd asks for the address first
    for option in options:
        if option not in driver.options | _FOR_ALL:
            raise InvalidArgument(driver.unknown % (option, name))
    for option in ("labels-regex", "env-regex"):
        compile_pattern(options.get(option, ""))
    if "tag" in options:
        check_tag(options["tag"])
    driver.check(options)
    if driver.receiver is not None:
        files.cache(options, _HERE)


def _check_mode(options: _Options) -> None:
    mode = options.get("mode", "")
    if mode not in ("", "blocking", NON_BLOCKING):
        raise InvalidArgument(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" not in options:
        return
    if mode != NON_BLOCKING:
        raise InvalidArgument(f"logger: max-buffer-size option is only supported with 'mode={NON_BLOCKING}'")
    try:
        parse_size(options["max-buffer-size"])
    except InvalidArgument as error:
        raise InvalidArgument(f"error parsing option max-buffer-size: {error}") from None


def _is_bool(text: str) -> bool:
    try:
        read_bool(text)
    except InvalidArgument:
        return False
    return True


def with_defaults(given: LogConfig, default: LogConfig) -> LogConfig:
    """What a container gets that says nothing of some options: the daemon's, if the driver is the daemon's too.

    How large the cache may be is the daemon's for every driver.
    """
    name = given.type or default.type
    same = name == default.type
    ours = {option: value for option, value in default.config.items() if same or option in _CACHE}
    return LogConfig(type=name, config=given.config if name == "none" else {**ours, **given.config})


def plan(about: About, directory: Path) -> Log:
    """Where the output goes; files are in `directory`. Raises InvalidArgument for a tag that does not fit."""
    name, options = about.container.host.log_config.type, about.options
    buffer = None
    if options.get("mode") == NON_BLOCKING:
        buffer = parse_size(options["max-buffer-size"]) if "max-buffer-size" in options else _DEFAULT_BUFFER
    if name == "none":
        return Log()
    if name == "json-file":
        tag = {"tag": about.tag()} if options.get("tag") else {}
        path = directory / json_name(about.container.id)
        return Log(files.json_file(options, path, {**about.attributes(), **tag}), buffer=buffer)
    if name == "local":
        return Log(files.local(options, directory / _LOCAL_NAME), buffer=buffer)
    receiver = DRIVERS[name].receiver
    assert receiver is not None
    return Log(files.cache(options, directory / _CACHE_NAME), receiver(about), buffer)


def json_name(id: str) -> str:
    """The name of a container's json-file, as with dockerd: other programs look for it."""
    return f"{id}-json.log"


def readable(config: LogConfig, directory: Path, id: str) -> LogFile | None:
    """The file in `directory` from which `logs` can show what a container wrote; None when there is none."""
    if config.type not in DRIVERS:
        return None
    if config.type == "json-file":
        return LogFile(directory / json_name(id))
    if config.type == "local":
        return LogFile(directory / _LOCAL_NAME, "chunks")
    return files.cache(config.config, directory / _CACHE_NAME)
