"""The drivers that write files, json-file and local, and the cache of those that do not. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wharf.engine.logs.reading_values import read_bool, read_int
from wharf.errors import InvalidArgument
from wharf.runtime.contract import LogFile
from wharf.spec.sizes import parse_size

JSON_FILE_OPTIONS: Final = frozenset(
    {"max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"}
)
LOCAL_OPTIONS: Final = frozenset({"max-size", "max-file", "compress"})
#: The local driver's own bounds, as Docker's.
_LOCAL_SIZE: Final = 20 << 20
_LOCAL_FILES: Final = 5


def json_file(options: Mapping[str, str], path: Path, attributes: dict[str, str]) -> LogFile:
    """Raises InvalidArgument. `max-size=-1` is no limit: ours, since here there is one without the option."""
    size = 0
    if options.get("max-size", "-1") != "-1":
        size = parse_size(options["max-size"])
        if size == 0:
            raise InvalidArgument("max-size must be a positive number")
    count = read_int(options.get("max-file", "1"))
    if count < 1:
        raise InvalidArgument("max-file cannot be less than 1")
    compress = read_bool(options.get("compress", "false"))
    if compress and (count < 2 or not size):
        raise InvalidArgument("compress cannot be true when max-file is less than 2 or max-size is not set")
    return LogFile(path, "json", size, count, compress, attributes)


def local(options: Mapping[str, str], path: Path) -> LogFile:
    """Raises InvalidArgument."""
    size, count, compress = _LOCAL_SIZE, _LOCAL_FILES, True
    if "max-size" in options:
        try:
            size = parse_size(options["max-size"])
        except InvalidArgument as error:
            raise InvalidArgument(f"invalid value for max-size: {options['max-size']}: {error}") from None
    if "max-file" in options:
        try:
            count = read_int(options["max-file"])
        except InvalidArgument as error:
            raise InvalidArgument(f"invalid value for max-file: {options['max-file']}: {error}") from None
        if count < 0:
            raise InvalidArgument(f"invalid value for max-file: {count}")
    if "compress" in options:
        try:
            compress = read_bool(options["compress"])
        except InvalidArgument as error:
            raise InvalidArgument(f"error reading compress log option: {error}") from None
    if compress and count <= 1:
        raise InvalidArgument("compression cannot be enabled when max file count is 1")
    return LogFile(path, "chunks", size, max(1, count), compress)


def cache(options: Mapping[str, str], path: Path) -> LogFile | None:
    """The file from which `logs` reads where the driver has none; None when `cache-disabled` says so."""
    if read_bool(options.get("cache-disabled", "") or "false"):
        return None
    return local({name: options[f"cache-{name}"] for name in LOCAL_OPTIONS if f"cache-{name}" in options}, path)
