"""What the test of power cuts stands on: a disk that forgets, and the book of what must be there."""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.power.cache import BLOCK, Cache
from vm.power.ledger import Step, World, after, choose, faults, steps_of

SIZE = 4 * BLOCK
writes = st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=2 * BLOCK))


def written(content: bytes, start: int, data: bytes) -> bytes:
    return (content[:start] + data + content[start + len(data) :])[:SIZE]


@given(st.lists(writes), st.lists(writes), st.one_of(st.none(), st.integers(0, 9)))
def test_a_disk_shows_all_writes_and_keeps_the_flushed_ones(
    flushed: list[tuple[int, bytes]], lost: list[tuple[int, bytes]], seed: int | None
) -> None:
    content = bytes(SIZE)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "disk"
        file.write_bytes(content)
        cache = Cache(file)
        for start, data in flushed:
            cache.write(start, data[: SIZE - start])
            content = written(content, start, data)
        cache.flush()
        kept = content
        for start, data in lost:
            cache.write(start, data[: SIZE - start])
            content = written(content, start, data)
            assert cache.read(start, len(data[: SIZE - start])) == data[: SIZE - start]
        assert cache.read(0, SIZE) == content
        cache.lose(seed)
        cache.close()
        found = file.read_bytes()
    # By blocks it has the old or the new; without a seed, the old only.
    for at in range(0, SIZE, BLOCK):
        block = slice(at, at + BLOCK)
        assert found[block] in ((kept[block],) if seed is None else (kept[block], content[block]))


def history(seed: int, length: int) -> tuple[list[Step], list[World]]:
    """Steps, and what is there before and after each."""
    chance, worlds, steps = random.Random(seed), [World()], []
    for number in range(length):
        steps.append(choose(worlds[-1], chance, number))
        worlds.append(after(worlds[-1], steps[-1]))
    return steps, worlds


def ended(steps: Sequence[Step], count: int) -> list[Step]:
    return [replace(step, ended=number < count) for number, step in enumerate(steps)]


@given(st.integers(0, 1000), st.integers(1, 40), st.data())
def test_what_was_there_after_any_step_since_the_last_promise_is_right(
    seed: int, length: int, data: st.DataObject
) -> None:
    steps, worlds = history(seed, length)
    promised = data.draw(st.integers(0, length))
    seen = data.draw(st.integers(promised, length))
    assert faults(World(), ended(steps, promised), worlds[seen]) == []


@given(st.integers(0, 1000), st.integers(1, 40), st.data())
def test_what_was_promised_and_is_not_there_is_found(seed: int, length: int, data: st.DataObject) -> None:
    steps, worlds = history(seed, length)
    world = worlds[-1]
    names = [("volumes", name) for name in world.volumes] + [("containers", name) for name in world.containers]
    if not names:
        return
    kind, name = data.draw(st.sampled_from(names))
    without = {other: files for other, files in getattr(world, kind).items() if other != name}
    found = faults(World(), ended(steps, length), replace(world, **{kind: without}))
    assert found == [f"{kind}: {name} is lost"]


A, B = {"f": "a"}, {"f": "b"}


@pytest.mark.parametrize(
    ("step", "seen", "right"),
    [
        (Step("volume rename", "v", "w"), {"v": A}, True),
        (Step("volume rename", "v", "w"), {"w": A}, True),
        (Step("volume rename", "v", "w"), {"v": A, "w": A}, False),
        (Step("volume rename", "v", "w"), {}, False),
        (Step("volume write", "v", files={"g": "new"}), {"v": A | {"g": "n"}}, True),
        (Step("volume write", "v", files={"g": "new"}), {"v": {"g": "new"}}, False),
        (Step("volume clone", "v", "w"), {"v": A, "w": {}}, False),
        (Step("volume import", "w", files=B), {"v": A, "w": B}, True),
        (Step("volume remove", "v"), {"v": {}}, False),
        (Step("volume remove", "v"), {}, True),
    ],
)
def test_a_step_that_nobody_acknowledged(step: Step, seen: dict[str, dict[str, str]], right: bool) -> None:
    assert (faults(World(volumes={"v": A}), [step], World(volumes=seen)) == []) is right


def test_of_a_prune_any_part_may_be_done() -> None:
    there = World(volumes={"a": A, "b": B})
    for seen in ({}, {"a": A}, {"b": B}, {"a": A, "b": B}):
        assert faults(there, [Step("volume prune")], World(volumes=seen)) == []
    assert faults(there, [Step("volume prune")], World(volumes={"a": {}}))


def test_steps_as_the_machine_tells_them() -> None:
    first, second = {"what": "volume create", "name": "a"}, {"what": "volume remove", "name": "a"}
    said: list[dict[str, Any]] = [{"seen": {}}, {"begin": first}, {"end": 1}, {"begin": second}]
    assert steps_of(said) == [Step("volume create", "a", ended=True), Step("volume remove", "a")]
