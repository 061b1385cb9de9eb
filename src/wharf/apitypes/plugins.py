"""The API's section Plugin, as frozen structs that read and write the wire's JSON names."""

from typing import Any

import msgspec

from wharf.apitypes.containers import Wire


class PluginPrivilege(Wire, frozen=True, kw_only=True):
    """Something of the host that a plugin demands: "mount" of "/dev", "network" of "host"."""

    name: str = ""
    description: str = ""
    value: list[str] = []


class PluginInspect(Wire, frozen=True, kw_only=True):
    """GET /plugins/{name}/json, and each entry of GET /plugins."""

    config: dict[str, Any]
    enabled: bool
    id: str
    name: str
    plugin_reference: str | msgspec.UnsetType = msgspec.UNSET
    settings: dict[str, Any]
