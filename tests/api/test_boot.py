"""What a daemon starts again, and in which order."""

from collections.abc import Callable
from pathlib import Path

from harness.engine import wait_until
from harness.wharfd import Wharfd

ALWAYS = ("--restart", "always")


def test_who_needs_another_starts_after_it(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--live-restore=false")
    # Those that need it have the older records.
    for kind in ("network", "pid"):
        wharfd.docker("create", "--name", f"giver-{kind}", *ALWAYS, "busybox", "sleep", "1000")
        wharfd.docker(
            "create", "--name", kind, *ALWAYS, f"--{kind}", f"container:giver-{kind}", "busybox", "sleep", "1000"
        )
    wharfd.docker("create", "--name", "last", *ALWAYS, "--network", "container:network", "busybox", "sleep", "1000")
    names = ("giver-network", "giver-pid", "network", "pid", "last")
    wharfd.docker("start", *names)
    wharfd.restart()
    wait_until(lambda: all(wharfd.state(name)["Running"] for name in names), "all run")
    for name, giver, kind in (
        ("network", "giver-network", "net"),
        ("last", "giver-network", "net"),
        ("pid", "giver-pid", "pid"),
    ):
        own, given = (Path(f"/proc/{wharfd.state(one)['Pid']}/ns/{kind}").readlink() for one in (name, giver))
        assert own == given


def test_policies_after_a_stop_by_the_user_and_by_the_daemon(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--live-restore=false")
    for policy in ("no", "always", "unless-stopped", "on-failure"):
        for fate in ("runs", "stopped"):
            wharfd.docker("run", "-d", "--name", f"{policy}-{fate}", "--restart", policy, "busybox", "sleep", "1000")
    wharfd.docker("create", "--name", "never", *ALWAYS, "busybox", "sleep", "1000")
    wharfd.docker("create", "--rm", "--name", "waits", "busybox", "sleep", "1000")
    wharfd.docker("run", "-d", "--rm", "--name", "goes", "busybox", "sleep", "1000")
    wharfd.docker(
        "stop", "-t", "0", *(f"{policy}-stopped" for policy in ("no", "always", "unless-stopped", "on-failure"))
    )
    wharfd.restart()

    def running() -> set[str]:
        return set(wharfd.docker("ps", "--format", "{{.Names}}").text.split())

    # On-failure comes back too, since the daemon's SIGKILL was no end of its own.
    expected = {"always-runs", "always-stopped", "unless-stopped-runs", "on-failure-runs"}
    wait_until(lambda: running() == expected, f"{expected}, not {running()}")
    wait_until(lambda: "goes" not in wharfd.docker("ps", "-a").text, "auto-remove")
    assert wharfd.state("waits")["Status"] == wharfd.state("never")["Status"] == "created"
    assert wharfd.state("no-runs")["Status"] == "exited"


def test_one_that_cannot_start_keeps_no_other_from_it(new_wharfd: Callable[..., Wharfd]) -> None:
    """Not even those whose turn is after its own, and whatever is wrong with it."""
    wharfd = new_wharfd()
    id = wharfd.docker("run", "-d", *ALWAYS, "--name", "broken", "-v", "/data", "busybox", "sleep", "600").text
    wharfd.docker("run", "-d", *ALWAYS, "--name", "later", "--volumes-from", "broken", "busybox", "sleep", "600")
    wharfd.docker("stop", "-t", "0", "broken", "later")
    wharfd.kill9()
    directory = wharfd.root / "data/containers" / id
    directory.rename(directory.with_name("away"))
    directory.touch()
    wharfd.start()
    wait_until(lambda: wharfd.state("later")["Status"] == "running", "the later one runs")
    assert wharfd.state("broken")["Status"] == "exited"
    directory.unlink()
    directory.with_name("away").rename(directory)
    wharfd.docker("start", "broken")
