"""What a plugin is made of, before it is one."""

from dataclasses import dataclass
from pathlib import Path

from wharf.engine.plugins.record import PluginRecord
from wharf.spec.digest import Digest
from wharf.spec.plugin_config import PluginConfig, PluginSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """Its blobs are in the content store, its root file system is unpacked."""

    config: PluginConfig
    config_digest: Digest
    manifest_digest: Digest
    layer: Digest
    rootfs: Path

    def record(self, id: str, name: str, reference: str) -> PluginRecord:
        """The plugin that is made of them, not enabled, with the settings that its configuration says."""
        return PluginRecord(
            id=id,
            name=name,
            config=self.config,
            config_digest=str(self.config_digest),
            manifest_digest=str(self.manifest_digest),
            layer=str(self.layer),
            reference=reference,
            settings=PluginSettings.of(self.config),
        )
