"""Dockerfile instructions that change an image's configuration (`import --change`, `commit --change`). Pure."""

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from wharf.engine.images.health_change import health_check
from wharf.errors import InvalidArgument
from wharf.spec.dockerfile_words import expanded, expanded_words, json_list, raw_words
from wharf.spec.image_config import RunConfig

_SHELL: Final = ("/bin/sh", "-c")
_LAST_PORT: Final = 65535
#: Instructions that no ONBUILD may hold, and why.
_NO_TRIGGERS: Final = {
    "ONBUILD": "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
    "MAINTAINER": "MAINTAINER isn't allowed as an ONBUILD trigger",
    "FROM": "FROM isn't allowed as an ONBUILD trigger",
}


def apply_changes(config: RunConfig, changes: Sequence[str]) -> RunConfig:
    """The configuration after all changes. Raises InvalidArgument for another instruction or a wrong argument."""
    instructions = list(_instructions("\n".join(changes)))
    if changes and not instructions:
        raise InvalidArgument("file with no instructions")
    words = {line.split(None, 1)[0].upper() for line in instructions}
    for line in instructions:
        word, _, rest = line.partition(" ")
        name = word.upper()
        if name not in _INSTRUCTIONS:
            raise InvalidArgument(f"{word} is not a valid change command")
        if name == "ENTRYPOINT" and "CMD" not in words:
            # What was to be the old entry point's arguments means nothing to the new one.
            config = msgspec.structs.replace(config, cmd=None)
        config = _INSTRUCTIONS[name](config, rest.strip())
    return config


def _instructions(text: str) -> Iterator[str]:
    """The lines of a Dockerfile: without comments, those that end with a backslash together with the next."""
    begun = ""
    for line in text.split("\n"):
        if line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith("\\"):
            begun += line.rstrip()[:-1]
            continue
        if whole := (begun + line).strip():
            yield whole
        begun = ""
    if begun.strip():
        yield begun.strip()


def _variables(config: RunConfig) -> Mapping[str, str]:
    return dict(text.partition("=")[::2] for text in config.env)


def _words(config: RunConfig, text: str) -> list[str]:
    """A list in JSON as it is; anything else is for the shell."""
    listed = json_list(text)
    return [*(config.shell or _SHELL), *([text] if text else [])] if listed is None else listed


def _one(name: str, config: RunConfig, text: str) -> str:
    if not text:
        raise InvalidArgument(f"{name} requires exactly one argument")
    return expanded(text, _variables(config))


def _pairs(name: str, config: RunConfig, text: str) -> dict[str, str]:
    """`key=value …`, or the older `key value`."""
    if not text:
        raise InvalidArgument(f"{name} requires at least one argument")
    variables = _variables(config)
    words = raw_words(text)
    if "=" not in words[0]:
        key, _, value = text.partition(" ")
        if not value.strip():
            raise InvalidArgument(f"{name} must have two arguments")
        return {expanded(key, variables): expanded(value.strip(), variables)}
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidArgument(f"Syntax error - can't find = in {json.dumps(word)}. Must be of the form: name=value")
        if not (key := expanded(key, variables)):
            raise InvalidArgument(f"{name} names can not be blank")
        found[key] = expanded(value, variables)
    return found


def _env(config: RunConfig, text: str) -> RunConfig:
    by_name = {entry.partition("=")[0]: entry for entry in config.env}
    by_name |= {key: f"{key}={value}" for key, value in _pairs("ENV", config, text).items()}
    return msgspec.structs.replace(config, env=list(by_name.values()))


def _label(config: RunConfig, text: str) -> RunConfig:
    return msgspec.structs.replace(config, labels=config.labels | _pairs("LABEL", config, text))


def _expose(config: RunConfig, text: str) -> RunConfig:
    if not text:
        raise InvalidArgument("EXPOSE requires at least one argument")
    ports = dict(config.exposed_ports)
    for word in expanded_words(text, _variables(config)):
        numbers, _, protocol = word.partition("/")
        first, _, last = numbers.partition("-")
        if protocol.lower() not in ("", "tcp", "udp", "sctp"):
            raise InvalidArgument(f"Invalid proto: {protocol}")
        if not all(one.isdecimal() and int(one) <= _LAST_PORT for one in (first, last or first)):
            raise InvalidArgument(f"Invalid containerPort: {numbers}")
        for number in range(int(first), int(last or first) + 1):
            ports[f"{number}/{protocol.lower() or 'tcp'}"] = {}
    return msgspec.structs.replace(config, exposed_ports=ports)


def _volume(config: RunConfig, text: str) -> RunConfig:
    if not text:
        raise InvalidArgument("VOLUME requires at least one argument")
    listed = json_list(text)
    paths = expanded_words(text, _variables(config)) if listed is None else listed
    if not all(path.strip() for path in paths):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    return msgspec.structs.replace(config, volumes=config.volumes | {path.strip(): {} for path in paths})


def _working_dir(config: RunConfig, text: str) -> RunConfig:
    path = posixpath.join("/", config.working_dir, _one("WORKDIR", config, text))
    return msgspec.structs.replace(config, working_dir="/" + posixpath.normpath(path).lstrip("/"))


def _on_build(config: RunConfig, text: str) -> RunConfig:
    if not text:
        raise InvalidArgument("ONBUILD requires at least one argument")
    if fault := _NO_TRIGGERS.get(text.split(None, 1)[0].upper()):
        raise InvalidArgument(fault)
    return msgspec.structs.replace(config, on_build=[*(config.on_build or []), text])


def _health(config: RunConfig, text: str) -> RunConfig:
    return msgspec.structs.replace(config, healthcheck=health_check(text))


_Apply = Callable[[RunConfig, str], RunConfig]
_INSTRUCTIONS: Final[dict[str, _Apply]] = {
    "CMD": lambda config, text: msgspec.structs.replace(config, cmd=_words(config, text)),
    "ENTRYPOINT": lambda config, text: msgspec.structs.replace(config, entrypoint=_words(config, text)),
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _health,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": lambda config, text: msgspec.structs.replace(config, stop_signal=_one("STOPSIGNAL", config, text)),
    "USER": lambda config, text: msgspec.structs.replace(config, user=_one("USER", config, text)),
    "VOLUME": _volume,
    "WORKDIR": _working_dir,
}
