"""The driver fluentd. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from wharf.engine.logs.about import About
from wharf.engine.logs.addresses import parse_url
from wharf.engine.logs.reading_values import read_bool, read_duration, read_unsigned
from wharf.errors import InvalidArgument
from wharf.runtime.contract import LogReceiver, Retry
from wharf.spec.sizes import parse_size

OPTIONS: Final = frozenset(
    "env env-regex labels labels-regex tag fluentd-address fluentd-async fluentd-async-reconnect-interval "
    "fluentd-buffer-limit fluentd-max-retries fluentd-request-ack fluentd-retry-wait fluentd-sub-second-precision "
    "fluentd-write-timeout".split()
)
_DEFAULT_HOST: Final = "127.0.0.1"
_DEFAULT_PORT: Final = 24224
_DEFAULT_BUFFER: Final = 1 << 20  # messages
_RENEWALS: Final = (0.1, 10.0)  # seconds
#: Bytes that may wait, whatever the number of messages allows: they are the host's memory.
_ROOM: Final = 16 << 20
_Network = Literal["tcp", "tls", "unix"]


def check(options: Mapping[str, str]) -> None:
    """Raises InvalidArgument."""
    _address(options.get("fluentd-address", ""))
    _retry(options)
    parse_size(options.get("fluentd-buffer-limit", "1m"))
    for name in ("fluentd-async", "fluentd-request-ack", "fluentd-sub-second-precision"):
        _flag(options, name)
    _renew(options)
    _write_timeout(options)


def receiver(about: About) -> LogReceiver:
    options, container = about.options, about.container
    network, address = _address(options.get("fluentd-address", ""))
    fields = {
        **{name: value for name, value in about.attributes().items() if name not in ("source", "log")},
        "container_id": container.id,
        "container_name": f"/{container.name}",
    }
    settings = {
        "tag": about.tag(),
        "fields": fields,
        "precise": _flag(options, "fluentd-sub-second-precision"),
        "receipts": _flag(options, "fluentd-request-ack"),
    }
    is_async = _flag(options, "fluentd-async")
    return LogReceiver(
        "fluentd",
        network,
        address,
        settings,
        lazy=is_async,
        retry=_retry(options),
        room=_ROOM,
        most=parse_size(options.get("fluentd-buffer-limit", str(_DEFAULT_BUFFER))) or 1,
        drops=is_async,
        renew=_renew(options) if is_async else 0.0,
        stuck_limit=_write_timeout(options),
    )


def _flag(options: Mapping[str, str], name: str) -> bool:
    return read_bool(options[name]) if name in options else False


def _retry(options: Mapping[str, str]) -> Retry:
    wait = max(0.0, read_duration(options.get("fluentd-retry-wait", "1s")))
    return Retry(wait, times=read_unsigned(options.get("fluentd-max-retries", "0")))


def _renew(options: Mapping[str, str]) -> float:
    name = "fluentd-async-reconnect-interval"
    text = options.get(name, "0s")
    try:
        seconds = read_duration(text)
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid value for {name}: {error}") from None
    if seconds and not _RENEWALS[0] <= seconds <= _RENEWALS[1]:
        raise InvalidArgument(f'invalid value for {name}: value ("{text}") must be between 100ms and 10s')
    return seconds


def _write_timeout(options: Mapping[str, str]) -> float:
    name = "fluentd-write-timeout"
    try:
        seconds = read_duration(options.get(name, "0s"))
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid value for {name}: value must be a duration: {error}") from None
    if seconds < 0:
        raise InvalidArgument(f"invalid value for {name}: value must be a duration that is non-negative")
    return seconds


def _address(text: str) -> tuple[_Network, str]:
    if not text:
        return "tcp", f"{_DEFAULT_HOST}:{_DEFAULT_PORT}"
    try:
        return _parse_address(text if "://" in text else f"tcp://{text}")
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid fluentd-address ({text}): {error}") from None


def _parse_address(text: str) -> tuple[_Network, str]:
    url = parse_url(text)
    if url.scheme == "unix":
        if not url.path.strip("/"):
            raise InvalidArgument("path is empty")
        return "unix", url.path
    if url.scheme != "tcp" and url.scheme != "tls":
        raise InvalidArgument(f"unsupported scheme: '{url.scheme}'")
    if url.path:
        raise InvalidArgument("should not contain a path element")
    name, colon, port = url.host.rpartition(":")
    if not colon or "]" in port:
        name, port = url.host, ""
    try:
        number = read_unsigned(port, most=65535) if port else _DEFAULT_PORT
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid port: {error}") from None
    return "tcp" if url.scheme == "tcp" else "tls", f"{name or _DEFAULT_HOST}:{number}"
