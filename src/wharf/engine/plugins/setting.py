"""What `plugin set` changes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import msgspec

from wharf.errors import EngineError
from wharf.spec.plugin_config import PluginConfig, PluginSettings

_VALUE: Final = "value"  # what can be set of a variable, and of the arguments
_PATH: Final = "path"  # of a device
_SOURCE: Final = "source"  # of a mount


@dataclass(frozen=True, slots=True)
class _Setting:
    """`NAME=VALUE`, or `NAME.FIELD=VALUE`."""

    name: str
    field: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "_Setting":
        """Raises EngineError."""
        name, _, value = text.partition("=")
        if not name:
            raise EngineError("invalid format, must be <key>[.<field>][=<value>]")
        head, dot, field = name.rpartition(".")
        return cls(head, field, value) if dot and head else cls(name, "", value)

    def check(self, field: str, settable: Sequence[str]) -> None:
        """Raises EngineError unless it is about `field`, and that is one of those that are `settable`."""
        if not self.field and len(settable) > 1:
            raise EngineError("multiple fields are settable, one must be specified")
        if field not in settable or self.field not in ("", field):
            shown = f"{self.name}.{self.field}" if self.field else self.name
            raise EngineError(f'"{shown}" is not settable')


def changed(config: PluginConfig, settings: PluginSettings, arguments: Sequence[str]) -> PluginSettings:
    """The settings after `NAME=value`, `NAME.source=path` …; what the configuration does not call settable is refused.

    Raises EngineError with dockerd's words.
    """
    return reduce(lambda found, text: _changed(config, found, _Setting.parse(text)), arguments, settings)


def _changed(config: PluginConfig, settings: PluginSettings, setting: _Setting) -> PluginSettings:
    name, value = setting.name, setting.value
    for variable in config.env:
        if variable.name == name:
            setting.check(_VALUE, variable.settable)
            return msgspec.structs.replace(settings, env=_with_variable(settings.env, name, value))
    for mount in config.mounts:
        if mount.name == name:
            setting.check(_SOURCE, mount.settable)
            mounts = (msgspec.structs.replace(m, source=value) if m.name == name else m for m in settings.mounts)
            return msgspec.structs.replace(settings, mounts=tuple(mounts))
    for device in config.linux.devices:
        if device.name == name:
            setting.check(_PATH, device.settable)
            devices = (msgspec.structs.replace(d, path=value) if d.name == name else d for d in settings.devices)
            return msgspec.structs.replace(settings, devices=tuple(devices))
    if config.args.name == name:
        setting.check(_VALUE, config.args.settable)
        return msgspec.structs.replace(settings, args=tuple(value.split(" ")))
    raise EngineError(f'setting "{name}" not found in the plugin configuration')


def _with_variable(env: Sequence[str], name: str, value: str) -> tuple[str, ...]:
    """In its place, or at the end if it was not set."""
    known = dict(one.partition("=")[::2] for one in env)
    return tuple(f"{one}={text}" for one, text in {**known, name: value}.items())
