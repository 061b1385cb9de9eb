"""The daemon's command line: from arguments to the values of options. Pure."""

from collections.abc import Iterator, Sequence

from wharf.daemon.options import BY_FLAG, BY_SHORT, NOT_OFFERED, OPTIONS, Json, Option
from wharf.errors import InvalidArgument, NotImplementedByUs


def parse_flags(arguments: Sequence[str]) -> dict[str, Json]:
    """Values by the options' names, for the flags that were given.

    Raises InvalidArgument for what dockerd would refuse too, NotImplementedByUs for flags that only dockerd has.
    """
    texts: dict[str, list[str]] = {}
    options: dict[str, Option] = {}
    for option, text in _pairs(list(arguments)):
        texts.setdefault(option.name, []).append(text)
        options[option.name] = option
    return {name: _folded(options[name], given) for name, given in texts.items()}


def _folded(option: Option, texts: Sequence[str]) -> Json:
    try:
        return option.fold(texts)
    except InvalidArgument as error:
        raise InvalidArgument(f"{error} (flag --{option.flag})") from None


def _pairs(rest: list[str]) -> Iterator[tuple[Option, str]]:
    while rest:
        argument = rest.pop(0)
        if argument == "--" and rest:
            raise InvalidArgument(f"unexpected argument {rest[0]!r}")
        if argument.startswith("--") and len(argument) > 2:
            yield _long(argument[2:], rest)
        elif argument.startswith("-") and len(argument) > 1 and argument != "--":
            yield from _shorts(argument[1:], rest)
        elif argument != "--":
            raise InvalidArgument(f'"wharfd" accepts no arguments: {argument!r}')


def _long(text: str, rest: list[str]) -> tuple[Option, str]:
    name, equals, value = text.partition("=")
    option = BY_FLAG.get(name)
    if option is None and name in NOT_OFFERED:
        raise NotImplementedByUs(f"the flag --{name} is not implemented by this engine")
    if option is None:
        raise InvalidArgument(f"unknown flag: --{name}")
    if equals:
        return option, value
    if option.kind == "bool":
        return option, "true"
    if not rest:
        raise InvalidArgument(f"flag needs an argument: --{name}")
    return option, rest.pop(0)


def _shorts(letters: str, rest: list[str]) -> Iterator[tuple[Option, str]]:
    """A group such as `-D` or `-Dl debug`; what follows a letter that takes an argument is that argument."""
    while letters:
        option = BY_SHORT.get(letters[0])
        if option is None:
            raise InvalidArgument(f"unknown shorthand flag: {letters[0]!r} in -{letters}")
        letters = letters[1:]
        if option.kind == "bool":
            value, letters = (letters[1:], "") if letters.startswith("=") else ("true", letters)
            yield option, value
            continue
        if not letters and not rest:
            raise InvalidArgument(f"flag needs an argument: {option.short!r} in -{option.short}")
        yield option, letters.removeprefix("=") or rest.pop(0)
        return


def usage() -> str:
    """The text of --help."""
    lines = [
        "",
        "Usage:  wharfd [OPTIONS]",
        "",
        "A container engine that serves the Docker Engine API.",
        "",
        "Options:",
    ]
    for option in OPTIONS:
        short = f"-{option.short}, " if option.short else "    "
        kind = "" if option.kind == "bool" else f" {option.kind}"
        lines.append(f"  {short}--{option.flag + kind:<34} {option.help}")
    return "\n".join(lines) + "\n"
