"""What the engine remembers of a managed plugin. One JSON document in the database; a change is a new value."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from wharf.spec.plugin_config import PluginConfig, PluginSettings


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """`config` was checked when it came, but what it says is the plugin's author's: paths and names are hostile."""

    id: str  # 64 hex digits
    name: str  # as people write it, with a tag: "vieux/sshfs:latest"
    config: PluginConfig
    config_digest: str
    manifest_digest: str
    layer: str  # digest of the blob that the root file system came from
    revision: str = ""  # another one with each upgrade, which may be one to the same layer
    reference: str = ""  # canonical, where it was pulled from and is pushed to
    enabled: bool = False
    settings: PluginSettings = field(default_factory=PluginSettings)


decode: Final = msgspec.json.Decoder(PluginRecord).decode
encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class PluginPlaces:
    """Where plugins are on disk. The store makes and removes directories below `root`, who runs plugins below `run`."""

    root: Path  # data-root/plugins
    run: Path  # exec-root/plugins

    def directory(self, id: str) -> Path:
        """All that is one plugin's."""
        return self.root / id

    def rootfs(self, id: str) -> Path:
        """The file system of its container. An upgrade puts another in its place."""
        return self.root / id / "rootfs"

    def propagated_mount(self, id: str) -> Path:
        """What PropagatedMount of its configuration shows to the host. It outlives upgrades."""
        return self.root / id / "propagated-mount"

    @property
    def bundles(self) -> Path:
        return self.run / "bundles"

    def bundle(self, id: str) -> Path:
        """What the plugin's shim and the OCI runtime need while it runs."""
        return self.bundles / id

    def sockets(self, id: str) -> Path:
        """The host's side of /run/docker/plugins in its container."""
        return self.run / id
