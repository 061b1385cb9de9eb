"""Managed plugins, their shims and the daemon die, in use and in between: the next start repairs."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.engine import wait_until
from harness.managed_plugin import ManagedPlugin, make_plugin, parent_of
from harness.wharfd import Wharfd

NewWharfd = Callable[..., Wharfd]


def enabled(engine: Wharfd, directory: Path) -> ManagedPlugin:
    engine.docker("plugin", "create", "shelf", str(make_plugin(directory / "shelf")))
    engine.docker("plugin", "enable", "shelf")
    engine.docker("volume", "create", "-d", "shelf", "books")
    return ManagedPlugin(engine, "shelf")


def kill(pid: int) -> None:
    os.kill(pid, 9)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), f"{pid} has ended")


def kill_all(plugin: ManagedPlugin, container: str) -> None:
    """The daemon, the plugin, and a container that uses it."""
    pid = plugin.engine.state(container)["Pid"]
    victims = [parent_of(pid), pid, parent_of(plugin.pid), *plugin.pids()]
    plugin.engine.kill9()
    for victim in victims:
        with suppress(ProcessLookupError):  # it went with another one
            os.kill(victim, 9)


def write_and_read(engine: Wharfd) -> str:
    """What is in the volume, after one more line."""
    script = "echo line >>/b/page; cat /b/page"
    return engine.docker("run", "--rm", "-v", "books:/b", "busybox", "sh", "-c", script).text


def page(engine: Wharfd) -> str:
    """What the container that uses the volume sees there."""
    return engine.docker("exec", "user", "cat", "/b/page").text


def removed(plugin: ManagedPlugin) -> None:
    """All of it goes when it is removed."""
    plugin.engine.docker("rm", "-f", "user", check=False)
    plugin.engine.docker("plugin", "rm", "-f", "shelf")
    wait_until(lambda: not plugin.leftovers(), "nothing is left of the plugin")


def test_a_plugin_outlives_the_daemon(new_wharfd: NewWharfd, tmp_path: Path) -> None:
    """It is found again, and not started twice; who used it goes on, and gives its volume back."""
    engine = new_wharfd()
    plugin = enabled(engine, tmp_path)
    engine.docker("run", "-d", "--name", "user", "-v", "books:/b", "busybox", "top")
    pids = plugin.pids()
    for end in (engine.kill9, engine.stop):
        end()
        assert plugin.pids() == pids
        engine.start()
        assert plugin.pids() == pids
        assert engine.docker("plugin", "inspect", "-f", "{{.Enabled}}", "shelf").text == "true"
        refused = engine.docker("plugin", "disable", "shelf", check=False)
        assert "plugin shelf:latest is in use" in refused.error
        assert write_and_read(engine).startswith("line")
    engine.docker("rm", "-f", "user")
    assert engine.docker("volume", "inspect", "-f", "{{.Status.users}}", "books").text == "0"
    os.kill(pids[0], 9)  # it is watched as before
    wait_until(lambda: plugin.has_another_than(pids[0]), "the plugin runs again")
    assert write_and_read(engine) == "line\nline\nline"
    removed(plugin)


def test_what_dies_is_started_again(new_wharfd: NewWharfd, tmp_path: Path) -> None:
    """In use, with the daemon and without: those who use the volume see what they saw, others wait for the plugin."""
    engine = new_wharfd()
    plugin = enabled(engine, tmp_path)
    engine.docker("run", "-d", "--name", "user", "-v", "books:/b", "busybox", "top")
    for expected, who in enumerate(("plugin", "shim", "daemon and plugin", "daemon and shim", "all"), 1):
        first, shim = plugin.pid, plugin.shim()
        if "daemon" in who or who == "all":
            engine.kill9()
        if "plugin" in who or who == "all":
            kill(first)
        if "shim" in who:
            kill(shim)
        if not engine.running:
            engine.start()
        assert write_and_read(engine) == "\n".join(["line"] * expected), who
        assert len(plugin.pids()) == 1 and plugin.has_another_than(first), who
        assert engine.docker("exec", "user", "sh", "-c", "wc -l </b/page").text == str(expected), who
    removed(plugin)


def test_containers_come_up_after_the_plugin_that_keeps_their_volumes(new_wharfd: NewWharfd, tmp_path: Path) -> None:
    """Where the daemon's end is theirs, and where nothing has outlived it."""
    engine = new_wharfd("--live-restore=false")
    plugin = enabled(engine, tmp_path)
    script = "echo began >>/b/page; exec sleep 1000"
    more = ("--restart", "always", "--stop-timeout", "0", "-v", "books:/b")
    engine.docker("run", "-d", "--name", "user", *more, "busybox", "sh", "-c", script)
    ends: list[Callable[[], object]] = [engine.stop, lambda: kill_all(plugin, "user")]
    for expected, end in enumerate(ends, 2):
        end()
        wait_until(lambda: plugin.pids() == [], "the plugin has ended")
        engine.start()
        wait_until(lambda: engine.state("user")["Running"], "the container runs again")
        wait_until(lambda expected=expected: page(engine).split() == ["began"] * expected, "it has written again")
        assert plugin.pids()
    removed(plugin)


def test_a_daemon_that_dies_while_a_plugin_starts(new_wharfd: NewWharfd, tmp_path: Path) -> None:
    """It has promised nothing: the plugin is disabled and does not run."""
    engine = new_wharfd(image=False)
    script = "import time; print('begins', flush=True); time.sleep(1000)"
    directory = make_plugin(tmp_path / "shelf", entrypoint=["/usr/bin/python3", "-c", script])
    engine.docker("plugin", "create", "shelf", str(directory))
    plugin = ManagedPlugin(engine, "shelf")
    client = engine.docker_process("plugin", "enable", "shelf")
    wait_until(lambda: "begins" in engine.log.read_text(), "it runs")
    engine.kill9()
    client.wait()
    assert plugin.pids()
    engine.start()
    assert engine.docker("plugin", "inspect", "-f", "{{.Enabled}}", "shelf").text == "false"
    assert plugin.leftovers() == []
    engine.docker("plugin", "rm", "shelf")
