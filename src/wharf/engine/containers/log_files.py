"""From a container's log options to the file that its shim writes. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from wharf.apitypes.containers import LogConfig
from wharf.engine.containers.record import Container
from wharf.errors import InvalidArgument
from wharf.runtime.contract import LogFile

#: Each driver, and the options it knows.
OPTIONS: Final = {
    "json-file": frozenset({"max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"}),
    "local": frozenset({"max-size", "max-file", "compress"}),
    "none": frozenset[str](),
}
#: The local driver's own bounds, as Docker's.
LOCAL_MAX_SIZE: Final = 20 << 20
LOCAL_MAX_FILES: Final = 5

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kmg]?)i?b?", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def parse_size(text: str) -> int:
    """Bytes of `10m` or `1.5GiB`; -1 is no limit and gives 0. Raises InvalidArgument."""
    if text == "-1":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid size: '{text}'")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InvalidArgument("max-file cannot be less than 1")
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise InvalidArgument(f"invalid value for {name}: {text}")
    return text.lower() in ("true", "1")


def check(config: LogConfig) -> None:
    """Raises InvalidArgument for a driver, an option or a value that does not exist."""
    driver = config.type or "json-file"
    if driver not in OPTIONS:
        raise InvalidArgument(f"logger: no log driver named '{driver}' is registered")
    for option in config.config:
        if option not in OPTIONS[driver]:
            raise InvalidArgument(f"unknown log opt '{option}' for {driver} log driver")
        if option.endswith("-regex"):
            _check_pattern(config.config[option])
    _limits(config)


def _check_pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise InvalidArgument(f"invalid regular expression {text!r}: {error}") from None


def _limits(config: LogConfig) -> tuple[int, int, bool]:
    """Size of a file, number of files, and whether rotated ones are compressed."""
    options, local = config.config, config.type == "local"
    size = parse_size(options["max-size"]) if "max-size" in options else LOCAL_MAX_SIZE if local else 0
    count = _count(options["max-file"]) if "max-file" in options else LOCAL_MAX_FILES if local else 1
    compress = _flag("compress", options["compress"]) if "compress" in options else local
    if compress and (count == 1 or not size):
        if not local and "compress" in options:
            raise InvalidArgument("compress cannot be true when max-file is less than 2 or max-size is not set")
        compress = False
    return size, count, compress


def log_file(container: Container, path: Path) -> LogFile:
    """What the shim writes for `container`, at `path`."""
    config = container.host.log_config
    if config.type == "none":
        return LogFile("none", None)
    size, count, compress = _limits(config)
    return LogFile(config.type, path, size, count, compress, dict(_attributes(container)))


def _attributes(container: Container) -> Iterator[tuple[str, str]]:
    """The labels and variables that the options ask to be written with each line."""
    options = container.host.log_config.config
    variables = dict(text.partition("=")[::2] for text in container.config.env)
    yield from _chosen(container.config.labels, options.get("labels", ""), options.get("labels-regex", ""))
    yield from _chosen(variables, options.get("env", ""), options.get("env-regex", ""))
    if tag := options.get("tag"):
        yield "tag", _expand(tag, container)


def _chosen(values: Mapping[str, str], names: str, pattern: str) -> Iterator[tuple[str, str]]:
    listed: Sequence[str] = [name.strip() for name in names.split(",")]
    for name, value in values.items():
        if name in listed or (pattern and re.search(pattern, name)):
            yield name, value


def _expand(template: str, container: Container) -> str:
    """A tag with its `{{.Name}}` and the like filled in."""
    values = {
        "ID": container.id[:12],
        "FullID": container.id,
        "Name": container.name,
        "ImageName": container.config.image,
        "ImageID": container.image.removeprefix("sha256:")[:12],
        "ImageFullID": container.image,
        "DaemonName": "wharf",
    }
    return re.sub(r"\{\{\s*\.(\w+)\s*\}\}", lambda match: values.get(match[1], match[0]), template)
