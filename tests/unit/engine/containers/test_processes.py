"""The lines of ps that belong to a container, and arguments that would choose others."""

import asyncio

import pytest

from wharf.engine.containers import processes
from wharf.errors import EngineError


def test_lines_are_chosen_by_their_pid() -> None:
    output = "UID   PID CMD\nroot    1 init\nroot   17 sh -c a  b\nroot  170 sh\n"
    found = processes.cut(output, [17, 18])
    assert (found.titles, found.processes) == (["UID", "PID", "CMD"], [["root", "17", "sh -c a  b"]])


def test_ps_must_say_pids() -> None:
    with pytest.raises(EngineError, match="Couldn't find PID field in ps output"):
        processes.cut("CMD\nsh\n", [1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-o comm=PID,args", 'specifying "comm=PID,args" is not allowed'),
        ("-eo ppid=PID", 'specifying "ppid=PID" is not allowed'),
        ("axo comm= PID", 'specifying "comm=PID" is not allowed'),
    ],
)
def test_no_other_column_may_call_itself_pid(arguments: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        processes.check(arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("arguments", ["-ef", "-o pid=PID,args", "-o comm=NAME,pid", "aux"])
def test_other_titles_are_fine(arguments: str) -> None:
    processes.check(arguments)


def test_the_first_line_of_what_ps_complains_of() -> None:
    with pytest.raises(EngineError) as caught:
        asyncio.run(processes.list_processes([1], "--no-such-option"))
    assert str(caught.value) == "ps: error: unknown gnu long option"
