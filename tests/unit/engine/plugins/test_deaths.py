"""An engine dies at every step of an installation, an upgrade and a removal: the next one finds one plugin or none."""

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from harness.engine import wait_until
from harness.plugin_runner import Runner
from wharf.db.database import Database
from wharf.distribution.config import RegistryConfig
from wharf.engine.plugins.files import PluginFiles
from wharf.engine.plugins.parts import Parts
from wharf.engine.plugins.record import PluginPlaces
from wharf.engine.plugins.service import ManagedPlugins
from wharf.engine.plugins.store import PluginStore
from wharf.events.bus import Bus
from wharf.spec.digest import Digest
from wharf.spec.plugin_config import PluginConfig

DIED: Final = 9
#: What changes files or their names, as the interpreter tells of it before it is done. (sqlite3 tells by itself.)
_CHANGES: Final = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.truncate"})
#: What a record alone takes.
_LEAST_STEPS: Final = 5

Work = Callable[[ManagedPlugins], Awaitable[None]]


class Registry:
    """Brings plugins in versions; all of them have one layer, as upgrades to the same one have."""

    def __init__(self, files: PluginFiles, version: str) -> None:
        self._files = files
        self._version = version

    async def fetch(self, reference: object, auth: object, check: object, scratch: Path, report: object) -> Parts:
        put = self._files.content.put
        rootfs = scratch / "rootfs"
        rootfs.mkdir()
        (rootfs / "version").write_text(self._version)
        config = PluginConfig(description=self._version)
        return Parts(config, put(b"config " + self._version.encode()), put(b"manifest"), put(b"layer"), rootfs)


def opened(root: Path, version: str = "") -> ManagedPlugins:
    files = PluginFiles(PluginPlaces(root / "plugins", root / "run"))
    plugins = ManagedPlugins(PluginStore(Database(root / "db")), files, Runner(), Bus(), RegistryConfig())
    plugins._fetcher = Registry(files, version)  # type: ignore[assignment]
    return plugins


async def install(plugins: ManagedPlugins) -> None:
    await plugins.pull("p", "", [], None, lambda progress: None)


async def upgrade(plugins: ManagedPlugins) -> None:
    await plugins.upgrade("p", "p", [], None, lambda progress: None)


async def remove(plugins: ManagedPlugins) -> None:
    await plugins.remove("p")


def lives_through(root: Path, version: str, work: Work, steps: int) -> bool:
    """Whether an engine of its own gets done with its work before it has taken so many steps, where it dies."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    left = [steps]

    def step(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            os._exit(DIED)

    def audit(event: str, arguments: Any) -> None:
        if event in _CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            step()

    try:
        plugins = opened(root, version)
        plugins.store._db._connection.set_trace_callback(step)
        sys.addaudithook(audit)
        asyncio.run(work(plugins))  # type: ignore[arg-type]
    finally:
        os._exit(0)


def found(root: Path) -> dict[str, str]:
    """What a new engine has: its plugins, by name, with the version that their records say."""
    plugins = opened(root)
    asyncio.run(plugins.open())
    records = list(plugins.store)
    for plugin in records:
        place = plugins.files._places.rootfs(plugin.id)
        assert (place / "version").read_text() == plugin.config.description
        for blob in (plugin.config_digest, plugin.manifest_digest, plugin.layer):
            assert plugins.files.content.has(Digest.parse(blob))
    plugins.files.close()
    plugins.store._db.close()
    assert_nothing_else(root / "plugins", {plugin.id for plugin in records})
    return {plugin.name: plugin.config.description for plugin in records}


def assert_nothing_else(places: Path, ids: set[str]) -> None:
    assert {path.name for path in places.iterdir()} == {"content", "tmp", "trash", *ids}
    going = [places / name for name in ("tmp", "trash", "content/ingest")]
    wait_until(lambda: not any(any(place.iterdir()) for place in going), "what was nobody's is deleted")
    blobs = {path.name for path in (places / "content/blobs/sha256").iterdir()}
    assert len(blobs) == 3 * len(ids)
    for id in ids:
        assert [path.name for path in (places / id).iterdir()] == ["rootfs"]


@pytest.mark.parametrize(
    ("work", "before", "after"),
    [
        (install, {}, {"p:latest": "1"}),
        (upgrade, {"p:latest": "1"}, {"p:latest": "2"}),
        (remove, {"p:latest": "1"}, {}),
    ],
)
def test_a_death_at_any_step_leaves_what_was_or_what_will_be(
    work: Work, before: dict[str, str], after: dict[str, str], tmp_path: Path
) -> None:
    prepared = tmp_path / "prepared"
    (prepared / "plugins").mkdir(parents=True)
    if before:
        assert lives_through(prepared, "1", install, 1000)
    version = next(iter(after.values()), "")
    outcomes = []
    for steps in count():
        root = tmp_path / str(steps)
        shutil.copytree(prepared, root)
        done = lives_through(root, version, work, steps)
        outcomes.append(found(root))
        if done:
            break
    assert len(outcomes) > _LEAST_STEPS
    assert outcomes[0] == before and outcomes[-1] == after
    # Once it is so, it stays so.
    assert outcomes == [before] * outcomes.count(before) + [after] * outcomes.count(after)
