"""Plugins as the API shows them, and which of them a list wants. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from wharf.apitypes.plugins import PluginInspect
from wharf.engine.images.listing import boolean
from wharf.engine.plugins.record import PluginRecord
from wharf.errors import InvalidArgument
from wharf.spec.plugin_config import plugin_document

_FILTERS: Final = frozenset({"capability", "enabled"})


def describe(plugin: PluginRecord) -> PluginInspect:
    settings = plugin.settings
    return PluginInspect(
        config=plugin_document(plugin.config),
        enabled=plugin.enabled,
        id=plugin.id,
        name=plugin.name,
        plugin_reference=plugin.reference or msgspec.UNSET,
        settings={
            "Args": list(settings.args),
            "Devices": [plugin_document(device) for device in settings.devices],
            "Env": list(settings.env),
            "Mounts": [plugin_document(mount) for mount in settings.mounts],
        },
    )


def list_matcher(filters: Mapping[str, Sequence[str]]) -> Callable[[PluginRecord], bool]:
    """The test of one plugin. Raises InvalidArgument for a filter that does not exist."""
    for key in filters:
        if key not in _FILTERS:
            raise InvalidArgument(f"invalid filter '{key}'")
    enabled = boolean("enabled", filters["enabled"]) if filters.get("enabled") else None
    wanted = filters.get("capability", ())
    return lambda plugin: (
        enabled in (None, plugin.enabled)
        and (not wanted or not plugin.config.interface.capabilities.isdisjoint(wanted))
    )
