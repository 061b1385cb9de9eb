"""What may be there after a power cut, by what was begun and acknowledged before it. Pure.

One client does one thing after the other. So what is there after the cut is what was there after some step, not older
than the last that was acknowledged, or it is between that step and the next.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

#: What volumes or containers hold: by the name of each, a text for each file that was synced.
Things = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class World:
    """All that the engine was asked for."""

    volumes: Things = field(default_factory=dict)
    containers: Things = field(default_factory=dict)
    images: Things = field(default_factory=dict)  # which hold nothing

    @classmethod
    def told(cls, said: Mapping[str, Any]) -> "World":
        return cls(said["volumes"], said["containers"], said["images"])


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the engine is asked for; `ended` when it was acknowledged."""

    what: str
    name: str = ""
    other: str = ""  # a new name
    files: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False


# ── what a step does ──


def _changed(things: Things, *gone: str, **more: Mapping[str, str]) -> Things:
    return {name: files for name, files in things.items() if name not in gone} | more


_VOLUMES: Final[Mapping[str, Callable[[Things, Step], Things]]] = {
    "volume create": lambda there, step: _changed(there, **{step.name: {}}),
    "volume write": lambda there, step: _changed(there, **{step.name: {**there[step.name], **step.files}}),
    "volume remove": lambda there, step: _changed(there, step.name),
    "volume prune": lambda there, step: {},
    "volume rename": lambda there, step: _changed(there, step.name, **{step.other: there[step.name]}),
    "volume clone": lambda there, step: _changed(there, **{step.other: there[step.name]}),
    "volume import": lambda there, step: _changed(there, **{step.name: step.files}),
    "anonymous volume": lambda there, step: there,
}
_CONTAINERS: Final[Mapping[str, Callable[[Things, Step], Things]]] = {
    "container run": lambda there, step: _changed(there, **{step.name: step.files}),
    "container rename": lambda there, step: _changed(there, step.name, **{step.other: there[step.name]}),
    "container remove": lambda there, step: _changed(there, step.name),
}
_IMAGES: Final[Mapping[str, Callable[[Things, Step], Things]]] = {
    "image load": lambda there, step: _changed(there, **{step.name: {}}),
    "image remove": lambda there, step: _changed(there, step.name),
}
#: Of these a part may be done: several things at once, or files that nobody has acknowledged.
_GRADUAL: Final = frozenset({"volume prune", "volume write", "container run"})


def after(world: World, step: Step) -> World:
    """What is there once `step` is done."""
    if step.what in _VOLUMES:
        return replace(world, volumes=_VOLUMES[step.what](world.volumes, step))
    if step.what in _CONTAINERS:
        return replace(world, containers=_CONTAINERS[step.what](world.containers, step))
    return replace(world, images=_IMAGES[step.what](world.images, step))


# ── what may be seen ──


def steps_of(said: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The steps that the machine told of, a line for the beginning and one for the end of each."""
    steps: list[Step] = []
    for line in said:
        if "begin" in line:
            steps.append(Step(**line["begin"]))
        elif "end" in line:
            steps[-1] = replace(steps[-1], ended=True)
    return steps


def faults(before: World, steps: Sequence[Step], seen: World) -> list[str]:
    """What is wrong with what was `seen` after the cut; nothing when it may be so."""
    promised = before
    for step in steps:
        if step.ended:
            promised = after(promised, step)
    if seen == promised:
        return []
    world = promised
    for step in steps:
        if not step.ended:
            later = after(world, step)
            if _between(world, later, step, seen):
                return []
            world = later
    return list(differences(promised, seen))


def _between(world: World, later: World, step: Step, seen: World) -> bool:
    if step.what not in _GRADUAL:
        return seen in (world, later)
    allowed = (_without(world, step), _without(later, step))
    shown = _without(seen, step)
    if step.what != "volume prune":
        return shown in allowed
    some = shown.volumes.items() <= world.volumes.items()
    return some and replace(shown, volumes={}) == replace(world, volumes={})


def _without(world: World, step: Step) -> World:
    """Without the files that `step` writes: who was interrupted may have written anything."""

    def stripped(things: Things) -> Things:
        return {
            name: {file: text for file, text in files.items() if name != step.name or file not in step.files}
            for name, files in things.items()
        }

    return replace(world, volumes=stripped(world.volumes), containers=stripped(world.containers))


def differences(expected: World, seen: World) -> Iterator[str]:
    """In words."""
    for kind in ("volumes", "containers", "images"):
        there, here = getattr(expected, kind), getattr(seen, kind)
        yield from (f"{kind}: {name} is lost" for name in there.keys() - here.keys())
        yield from (f"{kind}: {name} is back" for name in here.keys() - there.keys())
        for name in there.keys() & here.keys():
            if there[name] != here[name]:
                yield f"{kind}: {name} has {json.dumps(here[name])} instead of {json.dumps(there[name])}"


# ── what to do next ──

_MOST: Final = 4  # things of a kind: each has to be looked at after a cut, in a slow machine


def choose(world: World, chance: random.Random, number: int) -> Step:
    """The next step, which is possible in `world`; `number` makes new names and texts."""
    new, text = f"n{number}", {"file": f"{number}-" + "x" * chance.choice((1, 5000, 70_000))}
    volumes, containers, images = (sorted(things) for things in (world.volumes, world.containers, world.images))
    possible = [Step("anonymous volume")]
    if len(volumes) < _MOST:
        possible += [Step("volume create", new), Step("volume import", new, files=text)]
    if len(volumes) >= _MOST - 1:
        possible += [Step("volume prune")]
    if len(containers) < _MOST:
        possible += [Step("container run", new, files=text)]
    if len(images) < _MOST:
        possible += [Step("image load", new)]
    if volumes:
        name = chance.choice(volumes)
        file = {f"file{number % 3}": text["file"]}
        possible += [Step("volume write", name, files=file)] * 3
        possible += [Step("volume rename", name, new), Step("volume clone", name, new), Step("volume remove", name)]
    if containers:
        name = chance.choice(containers)
        possible += [Step("container rename", name, new), Step("container remove", name)]
    if images:
        possible += [Step("image remove", chance.choice(images))]
    return chance.choice(possible)
