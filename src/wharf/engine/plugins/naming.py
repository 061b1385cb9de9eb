"""Which plugin a user means. Pure."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from wharf.engine.plugins.faults import NoSuchPlugin, unclassified
from wharf.engine.plugins.record import PluginRecord
from wharf.errors import EngineError, InvalidArgument
from wharf.spec.reference import Reference

_ID: Final = re.compile(r"[a-f0-9]{64}")


def parse_name(text: str) -> Reference:
    """A plugin's name, here or at a registry; `latest` when the text says no more. Raises EngineError."""
    with unclassified():
        return Reference.parse(text).with_default_tag()


def new_name(reference: Reference, refusal: str) -> str:
    """The name that a plugin gets on this machine. Raises EngineError, with `refusal` for one with a digest."""
    if reference.digest is not None:
        raise EngineError(refusal)
    return reference.familiar


def name_of(remote: Reference) -> str:
    """What a plugin is called here unless the user says otherwise. One that is pulled by digest is the latest."""
    return replace(remote, digest=None).with_default_tag().familiar


def find(plugins: Iterable[PluginRecord], asked: str) -> PluginRecord:
    """By name (`latest` may be left out), id, or the start of an id that only one has.

    Raises NoSuchPlugin, InvalidArgument when it is not clear which.
    """
    plugins = list(plugins)
    name = _local_name(asked)
    for plugin in plugins:
        if name == plugin.name or plugin.id == asked:
            return plugin
    # What cannot be a name cannot be an id either: dockerd looks no further.
    found = [plugin for plugin in plugins if name and asked and plugin.id.startswith(asked)]
    if len(found) > 1:
        raise InvalidArgument(f'multiple plugins found for "{asked}"')
    if not found:
        raise NoSuchPlugin(asked)
    return found[0]


def _local_name(asked: str) -> str:
    """What a plugin of this name is called in full; "" for what is none."""
    if _ID.fullmatch(asked):
        return ""
    try:
        reference = Reference.parse(asked)
    except InvalidArgument:
        return ""
    return "" if reference.digest is not None else reference.with_default_tag().familiar
