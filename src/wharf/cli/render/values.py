"""Single values as docker shows them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHORT_ID = 12
MINUTE, HOUR, DAY = 60, 3600, 86400
DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def short_id(id: str) -> str:
    return id.removeprefix("sha256:")[:SHORT_ID]


def _scaled(size: float, base: float, units: "tuple[str, ...]", digits: int) -> str:
    step = 0
    while size >= base and step < len(units) - 1:
        size /= base
        step += 1
    return f"{size:.{digits}g}{units[step]}"


def size(count: float, digits: int = 4) -> str:
    """Bytes in powers of 1000: "7.46MB"."""
    return _scaled(count, 1000, DECIMAL, digits)


def binary_size(count: float) -> str:
    """Bytes in powers of 1024: "1.944GiB"."""
    return _scaled(count, 1024, BINARY, 4)


def ellipsis(text: str, width: int) -> str:
    """At most `width` characters; what was cut shows as an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def labels(row: "dict[str, Any]") -> str:
    """All of what the API tells of one thing: `a=1,b=2`."""
    return ",".join(f"{name}={value}" for name, value in (row.get("Labels") or {}).items())


def label(row: "dict[str, Any]", name: str = "") -> str:
    """The value of one of them; "" for none."""
    return str((row.get("Labels") or {}).get(name, ""))


def local_time(seconds: int) -> str:
    """A Unix time as Go prints one: `2026-11-21 10:22:24 +0000 UTC`."""
    import time

    moment = time.localtime(seconds)
    return time.strftime("%Y-%m-%d %H:%M:%S %z ", moment) + (moment.tm_zone or "UTC")
