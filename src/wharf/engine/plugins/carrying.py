"""What becomes of a user's settings when the plugin is upgraded. Pure."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from wharf.spec.plugin_config import PluginConfig, PluginDevice, PluginMount, PluginSettings

_Named = TypeVar("_Named", PluginMount, PluginDevice)


def carried(before: PluginConfig, settings: PluginSettings, after: PluginConfig) -> PluginSettings:
    """The settings that a new configuration begins with, and in them what the user had changed and still may."""
    old, new = PluginSettings.of(before), PluginSettings.of(after)
    return PluginSettings(
        args=settings.args if settings.args != old.args and "value" in after.args.settable else new.args,
        devices=_carried_parts(old.devices, settings.devices, new.devices, "path"),
        env=_carried_env(old.env, settings.env, after, new.env),
        mounts=_carried_parts(old.mounts, settings.mounts, new.mounts, "source"),
    )


def _carried_env(old: Iterable[str], chosen: Iterable[str], after: PluginConfig, new: Iterable[str]) -> tuple[str, ...]:
    settable = {one.name for one in after.env if "value" in one.settable}
    changed = {text.partition("=")[0]: text for text in chosen if text not in set(old)}
    kept = {name: text for name, text in changed.items() if name in settable}
    return tuple({**{text.partition("=")[0]: text for text in new}, **kept}.values())


def _carried_parts(
    old: Iterable[_Named], chosen: Iterable[_Named], new: Iterable[_Named], member: str
) -> tuple[_Named, ...]:
    defaults = {one.name: one for one in old}
    choices = {one.name: one for one in chosen if one.name}
    result = []
    for part in new:
        mine, default = choices.get(part.name), defaults.get(part.name)
        if mine is not None and default is not None:
            choice = getattr(mine, member)
            if member in part.settable and choice != getattr(default, member):
                part = msgspec.structs.replace(part, **{member: choice})
        result.append(part)
    return tuple(result)
