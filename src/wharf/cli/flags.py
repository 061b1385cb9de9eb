"""Flags: what a command takes, and the grammar in which users write them (that of GNU getopt, as docker has it)."""

from wharf.cli.errors import BadUsage
from wharf.spec.booleans import parse_bool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Kind:
    """A type of value: its name in the help, and how text becomes a value (ValueError says why it does not)."""

    __slots__ = ("default", "label", "many", "read")

    def __init__(self, label: str, read: "Callable[[str], Any]", *, many: bool = False, default: "Any" = "") -> None:
        self.label = label
        self.read = read
        self.many = many
        self.default = default


def read_int(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return number


def read_filter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ValueError("bad format of filter (expected name=value)")
    return name.strip().lower(), value.strip()


BOOL = Kind("", parse_bool, default=False)
STRING = Kind("string", str)
INT = Kind("int", read_int, default=0)
LIST = Kind("list", str, many=True)
FILTER = Kind("filter", read_filter, many=True)


class Flag:
    """`--name`, perhaps `-s`. A `default` other than the kind's is shown in the help."""

    __slots__ = ("default", "help", "kind", "name", "short")

    def __init__(self, name: str, short: str, kind: Kind, help: str, default: "Any" = None) -> None:
        self.name = name
        self.short = short
        self.kind = kind
        self.help = help
        self.default = kind.default if default is None else default

    @property
    def shown(self) -> str:
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


class Options(dict[str, "Any"]):
    """Values by flag name, defaults included. `given` are those that the user wrote."""

    def __init__(self, flags: "Sequence[Flag]") -> None:
        super().__init__((flag.name, [] if flag.kind.many else flag.default) for flag in flags)
        self.given: set[str] = set()

    def put(self, flag: Flag, text: str) -> None:
        try:
            value = flag.kind.read(text)
        except ValueError as error:
            raise BadUsage(f'invalid argument "{text}" for "{flag.shown}" flag: {error}') from None
        self.given.add(flag.name)
        if flag.kind.many:
            self[flag.name].append(value)
        else:
            self[flag.name] = value


HELP = Flag("help", "", BOOL, "Print usage")


def parse(flags: "Sequence[Flag]", words: "Sequence[str]", *, anywhere: bool = True) -> "tuple[Options, list[str]]":
    """Options and the remaining arguments. Unless `anywhere`, the first argument ends the flags. Raises BadUsage."""
    options = Options((*flags, HELP))
    by_name = {flag.name: flag for flag in flags}
    by_name.setdefault("help", HELP)
    by_short = {flag.short: flag for flag in flags if flag.short}
    by_short.setdefault("h", HELP)
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments.extend(rest)
        elif word.startswith("--"):
            name, separator, text = word[2:].partition("=")
            if name not in by_name or not name:
                raise BadUsage(f"unknown flag: --{name}" if name else f"bad flag syntax: {word}")
            flag = by_name[name]
            if not separator:
                text = "true" if flag.kind is BOOL else _next(rest, f"--{name}")
            options.put(flag, text)
        elif word.startswith("-") and len(word) > 1:
            _parse_cluster(word, by_short, options, rest)
        else:
            arguments.append(word)
            if not anywhere:
                arguments.extend(rest)
    return options, arguments


def _parse_cluster(word: str, by_short: "dict[str, Flag]", options: Options, rest: "Any") -> None:
    """`-it`, `-p80`, `-p=80`, `-p 80`."""
    at = 1
    while at < len(word):
        letter = word[at]
        at += 1
        if letter not in by_short:
            raise BadUsage(f"unknown shorthand flag: '{letter}' in {word if at == 2 else '-' + word[at - 1 :]}")
        flag = by_short[letter]
        if word[at : at + 1] == "=":
            options.put(flag, word[at + 1 :])
            return
        if flag.kind is BOOL:
            options.put(flag, "true")
            continue
        options.put(flag, word[at:] or _next(rest, f"'{letter}' in -{word[at - 1 :]}"))
        return


def _next(rest: "Any", where: str) -> str:
    for word in rest:
        return str(word)
    raise BadUsage(f"flag needs an argument: {where}")
