"""What a shim makes of the kernel's counts when systemd removes groups before anybody has looked."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wharf.runtime.shim.loop import Loop
from wharf.runtime.shim.oom import ABOVE, EVENTS, TELLING, OutOfMemory, kills_in_slice, slice_of


@pytest.mark.parametrize(
    ("group", "above"),
    [
        ("/system.slice/wharf-c.scope", "/system.slice"),
        ("/a.slice/a-b.slice/wharf-c.scope/container", "/a.slice/a-b.slice"),
        ("/wharf/c", ""),
    ],
)
def test_the_slice_of_a_group(group: str, above: str) -> None:
    assert slice_of(group) == above


class Machine:
    """Files with the counts of a container and of its slice."""

    def __init__(self, place: Path) -> None:
        self.own, self.slice = place / "own", place / "slice"
        self.count(own=(0, 0), slice=3)
        self.fds = {EVENTS: os.open(self.own, os.O_RDONLY), ABOVE: os.open(self.slice, os.O_RDONLY)}
        self.fds[TELLING], self.writer = os.pipe()
        self.memory = OutOfMemory(Loop(), "/none.slice/x", self.fds, kills_in_slice(self.fds))

    def count(self, *, own: tuple[int, int], slice: int) -> None:
        self.own.write_text(f"low 0\nhigh 0\nmax 9\noom {own[0]}\noom_kill {own[1]}\n")
        self.slice.write_text(f"oom {slice}\noom_kill {slice}\n")

    def remove_group(self) -> None:
        """Reading it fails from now on, as of a group that has gone."""
        directory = os.open(self.own.parent, os.O_RDONLY)
        os.dup2(directory, self.fds[EVENTS])
        os.close(directory)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    os.close(made.writer)


@pytest.mark.parametrize(
    ("counts", "killed", "answer"),
    [((0, 0), True, False), ((1, 1), True, True), ((1, 1), False, True), ((1, 0), True, True), ((1, 0), False, False)],
)
def test_a_group_that_is_still_there(machine: Machine, counts: tuple[int, int], killed: bool, answer: bool) -> None:
    machine.count(own=counts, slice=3)
    assert machine.memory.ran_out(killed=killed) is answer


@pytest.mark.parametrize(
    ("kills", "killed", "answer"),
    [(3, True, False), (4, True, True), (4, False, False)],
)
def test_a_group_that_has_gone(machine: Machine, kills: int, killed: bool, answer: bool) -> None:
    machine.count(own=(0, 0), slice=kills)
    machine.remove_group()
    assert machine.memory.ran_out(killed=killed) is answer


def test_kills_of_others_are_not_ours(machine: Machine) -> None:
    machine.count(own=(0, 0), slice=7)
    machine.memory._look(0)  # the kernel has told of them
    machine.remove_group()
    assert machine.memory.ran_out(killed=True) is False
