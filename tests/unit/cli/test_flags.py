import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.cli.errors import BadUsage
from wharf.cli.flags import BOOL, INT, LIST, STRING, Flag, parse

FLAGS = (
    Flag("interactive", "i", BOOL, ""),
    Flag("tty", "t", BOOL, ""),
    Flag("publish", "p", LIST, ""),
    Flag("name", "", STRING, ""),
    Flag("last", "n", INT, "", -1),
    Flag("proxy", "", BOOL, "", True),
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-it", {"interactive": True, "tty": True}),
        ("-ip8080:80", {"interactive": True, "publish": ["8080:80"]}),
        ("-p 1 -p=2 --publish 3 --publish=4", {"publish": ["1", "2", "3", "4"]}),
        ("--name=a=b", {"name": "a=b"}),
        ("--name=", {"name": ""}),
        ("--tty=false -i=true", {"tty": False, "interactive": True}),
        ("--proxy=0", {"proxy": False}),
        ("-n5", {"last": 5}),
        ("-n -1", {"last": -1}),
        ("--name -t", {"name": "-t"}),
    ],
)
def test_ways_to_write_flags(words: str, expected: dict[str, object]) -> None:
    options, arguments = parse(FLAGS, words.split())
    assert {name: options[name] for name in expected} == expected
    assert options.given == set(expected)
    assert arguments == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--foo", "unknown flag: --foo"),
        ("--foo=1", "unknown flag: --foo"),
        ("-x", "unknown shorthand flag: 'x' in -x"),
        ("-ix", "unknown shorthand flag: 'x' in -x"),
        ("--name", "flag needs an argument: --name"),
        ("-p", "flag needs an argument: 'p' in -p"),
        ("--tty=maybe", 'invalid argument "maybe" for "-t, --tty" flag: strconv.ParseBool: parsing "maybe": '),
        ("-n x", 'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax'),
    ],
)
def test_what_is_wrong_is_named(words: str, reason: str) -> None:
    with pytest.raises(BadUsage) as caught:
        parse(FLAGS, words.split())
    assert str(caught.value).startswith(reason)


def test_flags_may_follow_arguments() -> None:
    options, arguments = parse(FLAGS, ["a", "-t", "b", "--", "-i"])
    assert (options["tty"], options["interactive"], arguments) == (True, False, ["a", "b", "-i"])


def test_the_first_argument_ends_the_flags_of_run() -> None:
    options, arguments = parse(FLAGS, ["-i", "image", "-t", "--name", "x"], anywhere=False)
    assert (options["tty"], options["name"], arguments) == (False, "", ["image", "-t", "--name", "x"])


@given(st.lists(st.text(min_size=1).filter(lambda word: not word.startswith("-"))), st.text())
def test_values_and_arguments_arrive_unchanged(arguments: list[str], value: str) -> None:
    options, found = parse(FLAGS, [f"--name={value}", *arguments, "--name", value])
    assert (options["name"], found) == (value, arguments)
