"""The instruction HEALTHCHECK. Pure."""

from typing import Final

from wharf.apitypes import durations
from wharf.errors import InvalidArgument
from wharf.spec.dockerfile_words import json_list
from wharf.spec.image_config import Healthcheck

_TIMES: Final = {
    "--interval": "interval",
    "--timeout": "timeout",
    "--start-period": "start_period",
    "--start-interval": "start_interval",
}
_SHORTEST: Final = 1_000_000  # nanoseconds


def health_check(text: str) -> Healthcheck:
    """What `[--interval=… …] CMD command` or `NONE` says. Raises InvalidArgument in dockerd's words."""
    options: dict[str, int] = {}
    while text.startswith("--"):
        flag, _, text = text.partition(" ")
        name, value = _option(flag)
        options[name] = value
        text = text.strip()
    if not text:
        raise InvalidArgument("HEALTHCHECK requires at least one argument")
    kind, _, command = text.partition(" ")
    command = command.strip()
    if kind.upper() == "NONE":
        if command:
            raise InvalidArgument("HEALTHCHECK NONE takes no arguments")
        return Healthcheck(test=["NONE"])
    if kind.upper() != "CMD":
        raise InvalidArgument(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
    listed = json_list(command)
    if not command or listed == []:
        raise InvalidArgument("Missing command after HEALTHCHECK CMD")
    return Healthcheck(test=["CMD-SHELL", command] if listed is None else ["CMD", *listed], **options)


def _option(flag: str) -> tuple[str, int]:
    name, equals, value = flag.partition("=")
    if name not in _TIMES and name != "--retries":
        raise InvalidArgument(f"unknown flag: {name}")
    if not equals:
        raise InvalidArgument(f"missing a value on flag: {name.removeprefix('--')}")
    try:
        number = durations.parse(value) if name in _TIMES else int(value)
    except ValueError as error:
        raise InvalidArgument(str(error)) from None
    if name == "--retries":
        if number < 0:
            raise InvalidArgument(f"--retries cannot be negative ({number})")
        return "retries", number
    if 0 < number < _SHORTEST or number < 0:
        raise InvalidArgument(f'Interval "{name.removeprefix("--")}" cannot be less than 1ms')
    return _TIMES[name], number
