"""The driver syslog. Pure but for a look at whether a unix socket is there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from wharf.engine.logs.about import About
from wharf.engine.logs.addresses import parse_url, split_host
from wharf.engine.logs.reading_values import read_bool
from wharf.errors import InvalidArgument
from wharf.runtime.contract import LogReceiver, Tls

OPTIONS: Final = frozenset(
    "env env-regex labels labels-regex syslog-address syslog-facility syslog-tls-ca-cert syslog-tls-cert "
    "syslog-tls-key syslog-tls-skip-verify tag syslog-format".split()
)
_FORMATS: Final = ("", "rfc3164", "rfc5424", "rfc5424micro")
_NAMES: Final = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp _ _ _ _ "
    "local0 local1 local2 local3 local4 local5 local6 local7"
).split()
_FACILITIES: Final = {name: number for number, name in enumerate(_NAMES) if name != "_"}
_DEFAULT_PORT: Final = 514
_NETWORKS: Final[Mapping[str, Literal["tcp", "tls", "udp"]]] = {"tcp": "tcp", "tcp+tls": "tls", "udp": "udp"}


def check(options: Mapping[str, str]) -> None:
    """Raises InvalidArgument."""
    _address(options.get("syslog-address", ""))
    _facility(options.get("syslog-facility", ""))
    _tls(options)
    if options.get("syslog-format", "") not in _FORMATS:
        raise InvalidArgument("Invalid syslog format")


def receiver(about: About) -> LogReceiver:
    options = about.options
    network, address = _address(options.get("syslog-address", ""), look=False)
    form = options.get("syslog-format", "")
    settings = {
        "format": form,
        "facility": _facility(options.get("syslog-facility", "")),
        "tag": about.tag(),
        "hostname": about.hostname,
        "counted": network == "tls" and form.startswith("rfc5424"),  # RFC 5425, 4.3
    }
    return LogReceiver("syslog", network, address, settings, tls=_tls(options))


def _address(text: str, *, look: bool = True) -> tuple[Literal["tcp", "tls", "udp", "unix", "unixgram", "local"], str]:
    if not text:
        return "local", ""
    url = parse_url(text)
    if url.scheme == "unix" or url.scheme == "unixgram":
        if look and not Path(url.path or "\0").exists():
            raise InvalidArgument(f"stat {url.path}: no such file or directory")
        return "unix" if url.scheme == "unix" else "unixgram", url.path
    if url.scheme not in _NETWORKS:
        raise InvalidArgument(f"unsupported scheme: '{url.scheme}'")
    return _NETWORKS[url.scheme], split_host(url.host, default_port=_DEFAULT_PORT)


def _facility(text: str) -> int:
    if not text:
        return _FACILITIES["daemon"]
    if text.isdecimal() and int(text) < len(_NAMES):
        return int(text)
    if text not in _FACILITIES:
        raise InvalidArgument("invalid syslog facility")
    return _FACILITIES[text]


def _tls(options: Mapping[str, str]) -> Tls:
    """dockerd takes any value of skip-verify for yes, also "false"; here a no is a no."""
    text = options.get("syslog-tls-skip-verify", "")
    try:
        skip = bool(text) and read_bool(text)
    except InvalidArgument:
        raise InvalidArgument(f"invalid value for syslog-tls-skip-verify: {text}") from None
    return Tls(
        options.get("syslog-tls-ca-cert", ""),
        options.get("syslog-tls-cert", ""),
        options.get("syslog-tls-key", ""),
        verify=not skip,
    )
