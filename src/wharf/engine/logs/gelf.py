"""The driver gelf. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from wharf.engine.logs.about import About
from wharf.engine.logs.addresses import parse_url, split_host
from wharf.errors import InvalidArgument
from wharf.runtime.contract import LogReceiver, Retry

OPTIONS: Final = frozenset(
    "gelf-address gelf-compression-level gelf-compression-type gelf-tcp-max-reconnect gelf-tcp-reconnect-delay "
    "labels labels-regex env env-regex tag".split()
)
_COMPRESSIONS: Final = ("gzip", "zlib", "none")
_LEVELS: Final = {str(level): level for level in range(-1, 10)}
_ONLY_UDP: Final = ("gelf-compression-level", "gelf-compression-type")
_ONLY_TCP: Final = ("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay")
_DEFAULT_ATTEMPTS: Final = 3
_DEFAULT_DELAY: Final = 1  # seconds


def check(options: Mapping[str, str]) -> None:
    """Raises InvalidArgument."""
    network, _ = _address(options.get("gelf-address", ""))
    for name, value in options.items():
        if name in _ONLY_UDP and network != "udp":
            raise InvalidArgument("compression is only supported on UDP")
        known = name != "gelf-compression-type" or value in _COMPRESSIONS
        if not known or (name == "gelf-compression-level" and value not in _LEVELS):
            raise InvalidArgument(f'unknown value "{value}" for log opt "{name}" for gelf log driver')
        if name in _ONLY_TCP:
            if network != "tcp":
                raise InvalidArgument(f'"{name}" is only valid for TCP')
            if not value.isdecimal() or len(value) > 9:
                raise InvalidArgument(f'"{name}" must be a positive integer')


def receiver(about: About) -> LogReceiver:
    options, container = about.options, about.container
    network, address = _address(options["gelf-address"])
    fields = {
        **about.attributes(lambda name: name if name.startswith("_") else f"_{name}"),
        "_command": about.command,
        "_container_id": container.id,
        "_container_name": container.name,
        "_created": container.created,
        "_image_id": container.image,
        "_image_name": container.config.image,
        "_tag": about.tag(),
    }
    settings = {
        "hostname": about.hostname,
        "fields": fields,
        "datagrams": network == "udp",
        "compression": options.get("gelf-compression-type", "gzip"),
        "level": _LEVELS[options.get("gelf-compression-level", "1")],
    }
    attempts = int(options.get("gelf-tcp-max-reconnect", _DEFAULT_ATTEMPTS))
    delay = int(options.get("gelf-tcp-reconnect-delay", _DEFAULT_DELAY))
    return LogReceiver(
        "gelf",
        network,
        address,
        settings,
        unreachable=f"gelf: cannot connect to GELF endpoint: {address.replace('%', '%%')} %(reason)s",
        retry=Retry(float(delay), grows=False, times=attempts + 1),  # the first one is no reconnection
    )


def _address(text: str) -> tuple[Literal["tcp", "udp"], str]:
    if not text:
        raise InvalidArgument("gelf-address is a required parameter")
    url = parse_url(text)
    if url.scheme != "tcp" and url.scheme != "udp":
        raise InvalidArgument("gelf: endpoint needs to be TCP or UDP")
    try:
        return "tcp" if url.scheme == "tcp" else "udp", split_host(url.host, default_port=None)
    except InvalidArgument:
        raise InvalidArgument("gelf: please provide gelf-address as proto://host:port") from None
