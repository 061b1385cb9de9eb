"""Start, stop, kill, wait, list, inspect: the life of containers, with the real docker CLI."""

import json
import time

from harness.engine import API, LIMIT, wait_until
from harness.wharfd import Wharfd


def _start(wharfd: Wharfd, name: str, *command: str, options: tuple[str, ...] = ()) -> str:
    return wharfd.docker("run", "-d", "--name", name, *options, "busybox", *(command or ("sleep", "600"))).text


def test_stop_asks_first_and_then_kills(wharfd: Wharfd) -> None:
    _start(wharfd, "polite", "sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done")
    _start(wharfd, "stubborn")
    wait_until(lambda: wharfd.docker("logs", "polite").text == "up", "it takes the signal")
    wharfd.docker("stop", "-t", "600", "polite")
    wharfd.docker("stop", "-t", "1", "stubborn")
    assert wharfd.state("polite")["ExitCode"] == 5
    assert wharfd.state("stubborn")["ExitCode"] == 137
    assert wharfd.request("POST", f"{API}/containers/polite/stop").status == 304


def test_kill_with_signals(wharfd: Wharfd) -> None:
    _start(wharfd, "box", "sh", "-c", "trap 'echo hup' HUP; trap 'exit 9' USR1; echo up; while :; do sleep 0.05; done")
    wait_until(lambda: wharfd.docker("logs", "box").text == "up", "it runs")
    wharfd.docker("kill", "-s", "HUP", "box")
    wait_until(lambda: wharfd.docker("logs", "box").text == "up\nhup", "the signal arrived")
    wharfd.docker("kill", "-s", "USR1", "box")
    assert wharfd.docker("wait", "box").text == "9"
    refused = wharfd.docker("kill", "box", check=False)
    assert "is not running" in refused.error


def test_wait_for_each_condition(wharfd: Wharfd) -> None:
    _start(wharfd, "box", "sh", "-c", "sleep 0.5; exit 4")
    assert wharfd.request("POST", f"{API}/containers/box/wait").json["StatusCode"] == 4
    assert wharfd.request("POST", f"{API}/containers/box/wait?condition=not-running").json["StatusCode"] == 4
    waiting = wharfd.docker_process("wait", "box")
    assert waiting.communicate(timeout=LIMIT)[0] == b"4\n"
    assert wharfd.request("POST", f"{API}/containers/box/wait?condition=dreaming").status == 400


def test_restart(wharfd: Wharfd) -> None:
    id = _start(wharfd, "box")
    before = wharfd.state("box")
    wharfd.docker("restart", "-t", "0", "box")
    after = wharfd.state("box")
    assert after["Running"] and after["Pid"] != before["Pid"] and after["StartedAt"] > before["StartedAt"]
    wharfd.docker("stop", "-t", "0", "box")
    assert wharfd.docker("start", "box").text == "box"
    assert wharfd.request("POST", f"{API}/containers/{id}/start").status == 304


def test_restart_policies(wharfd: Wharfd) -> None:
    _start(wharfd, "box", "sh", "-c", "exit 1", options=("--restart", "on-failure:2"))
    wait_until(lambda: wharfd.state("box")["Status"] == "exited", "it gave up")
    found = json.loads(wharfd.docker("inspect", "box").text)[0]
    assert (found["RestartCount"], found["State"]["ExitCode"]) == (2, 1)


def test_pause(wharfd: Wharfd) -> None:
    _start(wharfd, "box")
    wharfd.docker("pause", "box")
    assert wharfd.docker("ps", "--format", "{{.Status}}").text.endswith("(Paused)")
    assert wharfd.docker("pause", "box", check=False).error.endswith("is already paused")
    wharfd.docker("unpause", "box")
    assert wharfd.state("box")["Status"] == "running"


def test_names(wharfd: Wharfd) -> None:
    id = _start(wharfd, "first")
    again = wharfd.docker("create", "--name", "first", "busybox", check=False)
    assert again.code == 1
    assert f'The container name "/first" is already in use by container "{id}"' in again.error
    wharfd.docker("rename", "first", "second")
    assert wharfd.docker("inspect", "-f", "{{.Name}}", id[:10]).text == "/second"
    bad = wharfd.docker("create", "--name", "a b", "busybox", check=False)
    assert "Invalid container name (a b)" in bad.error


def test_ps_filters(wharfd: Wharfd) -> None:
    _start(wharfd, "one", options=("--label", "tier=front", "-p", "8000:80"))
    _start(wharfd, "two", "sh", "-c", "exit 3")
    wharfd.docker("create", "--name", "three", "busybox")
    wharfd.docker("wait", "two")

    def names(*filters: str) -> list[str]:
        options = [part for text in filters for part in ("--filter", text)]
        return sorted(wharfd.docker("ps", "-a", "--format", "{{.Names}}", *options).text.split())

    assert names() == ["one", "three", "two"]
    assert names("status=running") == ["one"]
    assert names("status=created", "status=exited") == ["three", "two"]
    assert names("exited=3") == ["two"]
    assert names("label=tier=front") == ["one"]
    assert names("label=tier=back") == []
    assert names("name=t") == ["three", "two"]
    assert names("ancestor=busybox") == ["one", "three", "two"]
    assert names("before=three") == ["one", "two"]
    assert names("since=one") == ["three", "two"]
    assert names("publish=8000") == ["one"]
    assert "invalid filter 'colour'" in wharfd.docker("ps", "--filter", "colour=red", check=False).error.lower()
    assert wharfd.docker("ps", "-aq", "-n", "1").text == wharfd.docker("ps", "-q", "--filter", "name=three", "-a").text


def test_inspect_with_templates(wharfd: Wharfd) -> None:
    _start(wharfd, "box", options=("--memory", "64m", "-e", "A=b"))
    template = (
        "{{.State.Status}} {{.HostConfig.Memory}} {{.Config.Cmd}} {{index .Config.Env 0}} {{json .State.Running}}"
    )
    assert wharfd.docker("inspect", "-f", template, "box").text == "running 67108864 [sleep 600] A=b true"
    address = wharfd.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "box").text
    assert address.startswith("172.")


def test_top(wharfd: Wharfd) -> None:
    _start(wharfd, "box")
    lines = wharfd.docker("top", "box").text.splitlines()
    assert lines[0].split()[:2] == ["UID", "PID"]
    assert lines[1].endswith("sleep 600")


def test_removal(wharfd: Wharfd) -> None:
    _start(wharfd, "box")
    refused = wharfd.docker("rm", "box", check=False)
    assert "container is running: stop the container before removing or force remove" in refused.error
    wharfd.docker("rm", "-f", "box")
    assert "No such container: box" in wharfd.docker("rm", "box", check=False).error


def test_logs(wharfd: Wharfd) -> None:
    _start(wharfd, "box", "sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2")
    wharfd.docker("wait", "box")
    assert wharfd.docker("logs", "--tail", "2", "box").out == b"line 5\n"
    ran = wharfd.docker("logs", "-t", "box")
    assert ran.err.split(b" ", 1)[1] == b"oops\n"
    stamps = [line.split()[0] for line in ran.out.decode().splitlines()]
    assert stamps == sorted(stamps) and len(stamps) == 5
    assert wharfd.docker("logs", "--since", "1h", "box").out.startswith(b"line 1\n")
    assert wharfd.docker("logs", "--until", "1h", "box").out == b""
    assert wharfd.docker("logs", "--since", "2099-01-01T00:00:00", "box").out == b""


def test_logs_follow_until_the_end(wharfd: Wharfd) -> None:
    _start(wharfd, "box", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done")
    process = wharfd.docker_process("logs", "-f", "box")
    assert process.communicate(timeout=LIMIT)[0] == b"1\n2\n3\n"


def test_attach_and_late_input(wharfd: Wharfd) -> None:
    wharfd.docker("create", "-i", "--name", "box", "busybox", "cat")
    wharfd.docker("start", "box")
    process = wharfd.docker_process("attach", "box")
    assert process.communicate(b"hello\n", timeout=LIMIT)[0] == b"hello\n"
    wharfd.docker("rm", "-f", "box")


def test_events_of_a_volume_in_use(wharfd: Wharfd) -> None:
    began = str(int(time.time()) - 1)
    wharfd.docker("run", "--rm", "-v", "kept:/data", "busybox", "true")
    try:
        until = str(int(time.time()) + 1)
        told = wharfd.docker(
            "events", "--since", began, "--until", until, "--filter", "volume=kept", "--format", "json"
        )
        events = [json.loads(line) for line in told.text.splitlines()]
        assert [event["Action"] for event in events] == ["create", "mount", "unmount"]
        assert events[2]["Actor"]["Attributes"]["container"] == events[1]["Actor"]["Attributes"]["container"]
    finally:
        wharfd.docker("volume", "rm", "kept")


def test_events(wharfd: Wharfd) -> None:
    began = f"{time.time():.6f}"
    wharfd.docker("run", "--rm", "--name", "box", "--label", "k=v", "busybox", "sh", "-c", "exit 2", check=False)
    wait_until(lambda: wharfd.docker("ps", "-aq").text == "", "it is gone")
    until = f"{time.time():.6f}"
    lines = wharfd.docker("events", "--since", began, "--until", until, "--format", "{{json .}}").text.splitlines()
    found = [json.loads(line) for line in lines]
    actions = [event["Action"] for event in found if event["Type"] == "container"]
    assert [a for a in actions if a != "attach"] == ["create", "start", "die", "destroy"]
    died = next(event for event in found if event["Action"] == "die")
    attributes = died["Actor"]["Attributes"]
    assert (attributes["exitCode"], attributes["name"], attributes["k"]) == ("2", "box", "v")
    only = wharfd.docker(
        "events", "--since", began, "--until", until, "--filter", "event=die", "--format", "{{.Action}}"
    )
    assert only.text == "die"


def test_prune(wharfd: Wharfd) -> None:
    _start(wharfd, "goes", "true")
    _start(wharfd, "stays")
    wharfd.docker("wait", "goes")
    assert "Total reclaimed space" in wharfd.docker("container", "prune", "-f").text
    assert wharfd.docker("ps", "-a", "--format", "{{.Names}}").text == "stays"
