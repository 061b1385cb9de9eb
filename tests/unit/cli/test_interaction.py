"""Detach keys, times, JSON indentation, help, and the table of commands."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.cli import table
from wharf.cli.command import Command
from wharf.cli.commands.inspecting import indent
from wharf.cli.commands.times import read_moment
from wharf.cli.detach import KeyWatch, parse_keys
from wharf.cli.help import command_help, group_help, top_help
from wharf.cli.launcher import launcher
from wharf.cli.main import GLOBALS, load
from wharf.errors import InvalidArgument


def test_detach_keys() -> None:
    assert parse_keys("ctrl-p,ctrl-q") == b"\x10\x11"
    assert parse_keys("a,ctrl-[,ctrl-@") == b"a\x1b\x00"
    with pytest.raises(InvalidArgument):
        parse_keys("ctrl-")


@given(st.binary(), st.lists(st.integers(min_value=0, max_value=30)))
def test_what_is_typed_is_sent_but_for_the_keys(data: bytes, cuts: list[int]) -> None:
    keys = b"\x10\x11"
    places = sorted({0, len(data) + 2, *(cut for cut in cuts if cut < len(data))})
    whole = data + keys
    watch = KeyWatch(keys)
    sent = b""
    for start, end in itertools.pairwise(places):
        if not watch.seen:
            sent += watch.feed(whole[start:end])
    assert watch.seen
    assert sent == whole[: whole.find(keys)]


@given(st.binary().filter(lambda data: b"\x10" not in data))
def test_without_the_keys_everything_is_sent(data: bytes) -> None:
    assert KeyWatch(b"\x10\x11").feed(data) == data


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_json_is_indented_as_go_does_it(value: object) -> None:
    assert indent(json.dumps(value)) == json.dumps(value, indent=4)


def test_values_keep_their_spelling() -> None:
    assert indent('{"a" : 1.50, "b":"\\u003c\\"{[" , "c":[ ]}') == (
        '{\n    "a": 1.50,\n    "b": "\\u003c\\"{[",\n    "c": []\n}'
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", ""),
        ("1136073845", "1136073845"),
        ("1136073845.000000001", "1136073845.000000001"),
        ("2006-01-02T15:04:05Z", "1136214245.000000000"),
        ("2006-01-02T15:04:05.999999999Z", "1136214245.999999999"),
        ("2006-01-02T15:04:05+01:00", "1136210645.000000000"),
        ("2006-01-02Z", "1136160000.000000000"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert read_moment(text, "since") == moment


def test_what_is_no_moment_is_named() -> None:
    with pytest.raises(InvalidArgument, match='invalid value for "since": failed to parse value as time or duration'):
        read_moment("yesterday", "since")


PATHS = sorted(
    {*table.TOP, *table.SYNONYMS, *(f"{group} {verb}" for group in table.GROUPS for verb in table.GROUPS[group][1])}
)


@pytest.mark.parametrize("path", PATHS)
def test_every_verb_of_the_table_has_a_command_with_help(path: str) -> None:
    found = table.find(path.split())
    assert found is not None
    command = load(found[1])
    assert isinstance(command, Command)
    text = command_help(path, command)
    assert text.startswith(f"Usage:  wharf {path}")
    assert max(map(len, text.splitlines()[2:])) <= 110
    names = [flag.name for flag in command.flags]
    assert len(names) == len(set(names))
    shorts = [flag.short for flag in command.flags if flag.short]
    assert len(shorts) == len(set(shorts))


def test_groups_and_the_top_have_help() -> None:
    assert "Common Commands:" in top_help(GLOBALS)
    assert all(summary in group_help(group) for group, (summary, _) in table.GROUPS.items())


def test_the_launcher_is_a_program_for_the_kernel_or_for_the_shell() -> None:
    assert launcher("/usr/bin/python3", "/x").startswith("#!/usr/bin/python3 -IS\n")
    assert launcher("/with a blank/python3", "/x").startswith("#!/bin/sh\n")
    compile(launcher("/with a blank/python3", "/x"), "wharf", "exec")
