"""Dockerfile instructions that change an image's configuration (`import --change`, `commit --change`). Pure."""

import json
import shlex
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from wharf.errors import InvalidArgument
from wharf.spec.image_config import RunConfig


def apply_changes(config: RunConfig, changes: Sequence[str]) -> RunConfig:
    """The configuration after all changes. Raises InvalidArgument for another instruction or a wrong argument."""
    for change in changes:
        word, _, rest = change.strip().partition(" ")
        apply = _INSTRUCTIONS.get(word.upper())
        if apply is None:
            raise InvalidArgument(f"{word.upper()} is not a valid change command")
        if not rest.strip():
            raise InvalidArgument(f"{word.upper()} requires at least one argument")
        config = apply(config, rest.strip())
    return config


def _command(text: str) -> list[str]:
    """A list in JSON as it is; anything else is for the shell."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    return ["/bin/sh", "-c", text]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"invalid change {text!r}: {error}") from None


def _pairs(text: str) -> dict[str, str]:
    """`key=value …`, or the older `key value`."""
    first = text.split(None, 1)
    if "=" not in first[0]:
        if len(first) < 2:
            raise InvalidArgument(f"invalid change {text!r}: a value is missing")
        return {first[0]: first[1]}
    pairs = [word.partition("=") for word in _words(text)]
    if not all(equals for _, equals, _ in pairs):
        raise InvalidArgument(f"invalid change {text!r}: expected key=value")
    return {key: value for key, _, value in pairs}


def _env(config: RunConfig, text: str) -> RunConfig:
    pairs = _pairs(text)
    kept = [entry for entry in config.env if entry.partition("=")[0] not in pairs]
    return msgspec.structs.replace(config, env=kept + [f"{key}={value}" for key, value in pairs.items()])


def _expose(config: RunConfig, text: str) -> RunConfig:
    ports = dict(config.exposed_ports)
    for port in text.split():
        number, _, protocol = port.partition("/")
        if not number.isdecimal() or protocol not in ("", "tcp", "udp", "sctp"):
            raise InvalidArgument(f"invalid containerPort: {port}")
        ports[f"{number}/{protocol or 'tcp'}"] = {}
    return msgspec.structs.replace(config, exposed_ports=ports)


def _volume(config: RunConfig, text: str) -> RunConfig:
    paths = _command(text) if text.startswith("[") else text.split()
    return msgspec.structs.replace(config, volumes=config.volumes | {path: {} for path in paths})


def _working_dir(config: RunConfig, text: str) -> RunConfig:
    path = text if text.startswith("/") else f"{config.working_dir or '/'}/{text}".replace("//", "/")
    return msgspec.structs.replace(config, working_dir=path)


_Apply = Callable[[RunConfig, str], RunConfig]
_INSTRUCTIONS: Final[dict[str, _Apply]] = {
    "CMD": lambda config, text: msgspec.structs.replace(config, cmd=_command(text)),
    "ENTRYPOINT": lambda config, text: msgspec.structs.replace(config, entrypoint=_command(text)),
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": lambda config, text: msgspec.structs.replace(config, labels=config.labels | _pairs(text)),
    "ONBUILD": lambda config, text: msgspec.structs.replace(config, on_build=[*(config.on_build or []), text]),
    "STOPSIGNAL": lambda config, text: msgspec.structs.replace(config, stop_signal=text),
    "USER": lambda config, text: msgspec.structs.replace(config, user=text),
    "VOLUME": _volume,
    "WORKDIR": _working_dir,
}
