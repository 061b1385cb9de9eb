"""What `plugin set` changes. Pure."""

from collections.abc import Sequence

from wharf.errors import NotImplementedByUs
from wharf.spec.plugin_config import PluginConfig, PluginSettings


def changed(config: PluginConfig, settings: PluginSettings, arguments: Sequence[str]) -> PluginSettings:
    """The settings after `NAME=value`, `NAME.source=path` …; what the configuration does not call settable is refused.

    Raises EngineError with dockerd's words.
    """
    raise NotImplementedByUs("plugins cannot be configured yet")
