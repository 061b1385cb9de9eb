"""What each operation answers in each state of a container: dockerd's status codes and words."""

import json
import math
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness import groups
from harness.engine import API, PATIENCE, Answer, wait_until
from harness.wharfd import Wharfd

NOT_RUNNING = "container {id} is not running"
RESTARTING = "Container {id} is restarting, wait until the container is running"


class Container:
    """One container that requests are made of."""

    def __init__(self, engine: Wharfd, name: str, *command: str, **host: Any) -> None:
        self._engine = engine
        self.name = name
        body = {"Image": "busybox", "Cmd": list(command), "HostConfig": host}
        self.id: str = engine.request("POST", f"{API}/containers/create?name={name}", body).json["Id"]

    def post(self, path: str, body: object = None) -> Answer:
        return self._engine.request("POST", f"{API}/containers/{self.id}/{path}", body)

    def remove(self, query: str = "") -> Answer:
        return self._engine.request("DELETE", f"{API}/containers/{self.id}{query}")

    @property
    def status(self) -> str:
        return str(self._engine.state(self.id)["Status"])

    def says(self, answer: Answer) -> tuple[int, str]:
        """Status and message, with our id as `{id}`."""
        message = answer.message if answer.status >= 400 else ""
        return answer.status, message.replace(self.id, "{id}")


def test_before_and_after_the_run(wharfd: Wharfd) -> None:
    one = Container(wharfd, "states", "sleep", "1000")
    for stopped_by in ("", "stop?t=0", "kill"):
        if stopped_by:
            assert one.post("start").status == 204
            assert one.post("start").status == 304
            assert one.post(stopped_by).status == 204
        assert one.says(one.post("pause")) == (409, NOT_RUNNING)
        assert one.says(one.post("unpause")) == (500, "Container {id} is not paused")
        assert one.says(one.post("kill")) == (409, f"cannot kill container: {{id}}: {NOT_RUNNING}")
        assert one.says(one.post("exec", {"Cmd": ["true"]})) == (409, NOT_RUNNING)
        assert one.says(one.post("resize?h=1&w=1")) == (409, NOT_RUNNING)
        assert one.post("stop").status == 304


def test_while_it_runs(wharfd: Wharfd) -> None:
    one = Container(wharfd, "states", "sleep", "1000")
    one.post("start")
    assert one.says(one.post("unpause")) == (500, "Container {id} is not paused")
    assert one.says(one.remove()) == (
        409,
        'cannot remove container "{id}": container is running: stop the container before removing or force remove',
    )
    assert one.post("pause").status == 204
    assert one.says(one.post("pause")) == (409, "Container {id} is already paused")
    assert one.says(one.post("start")) == (409, "cannot start a paused container, try unpause instead")
    paused = "Container {id} is paused, unpause the container before exec"
    assert one.says(one.post("exec", {"Cmd": ["true"]})) == (409, paused)
    assert one.says(one.remove()) == (
        409,
        'cannot remove container "{id}": container is paused and must be unpaused first',
    )
    # Whatever the signal: it could not arrive while the container is frozen.
    assert one.post("kill?signal=CONT").status == 204
    assert one.status == "running"
    one.post("pause")
    assert one.post("restart?t=0").status == 204
    assert one.status == "running"
    one.post("pause")
    assert one.remove("?force=1").status == 204
    assert one.says(one.remove()) == (404, "No such container: {id}")


def test_while_it_waits_for_its_restart(wharfd: Wharfd) -> None:
    one = Container(wharfd, "states", "false", RestartPolicy={"Name": "always"})
    one.post("start")
    # Each pause is twice as long as the one before; from the beginning of this one there is time for all that follows.
    enough = 4 + math.ceil(math.log2(PATIENCE))
    wait_until(lambda: wharfd.inspect(one.id)["RestartCount"] > enough, "it restarts")
    last = wharfd.state(one.id)["FinishedAt"]
    wait_until(lambda: wharfd.state(one.id)["FinishedAt"] != last, "it has ended once more")
    assert one.status == "restarting"
    assert one.says(one.post("pause")) == (409, RESTARTING)
    assert one.says(one.post("exec", {"Cmd": ["true"]})) == (409, RESTARTING)
    assert one.says(wharfd.request("GET", f"{API}/containers/{one.id}/top")) == (409, RESTARTING)
    assert one.post("start").status == 304
    assert one.says(one.remove())[0] == 409
    assert one.post("stop").status == 204
    assert one.status == "exited"
    assert one.post("start").status == 204
    assert wharfd.inspect(one.id)["RestartCount"] < enough


@pytest.mark.parametrize("operation", ["stop", "kill", "remove"])
def test_who_ends_what_ends_by_itself_all_the_time_ends_it_for_good(wharfd: Wharfd, operation: str) -> None:
    """Whatever moment of the circle of starts and ends it meets."""
    for moment in range(8):
        one = Container(wharfd, f"circle-{moment}", "false", RestartPolicy={"Name": "always"})
        one.post("start")
        time.sleep(0.02 * moment)
        if operation == "remove":
            assert one.remove("?force=1").status == 204
            continue
        status = one.post(operation).status
        assert status in (204, 409)
        if status == 204:
            wait_until(lambda one=one: one.status == "exited", "it has ended")
            time.sleep(0.25)
            assert one.status == "exited"
        assert one.remove("?force=1").status == 204
    assert wharfd.docker("ps", "-aq").text == ""


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("FOO", "invalid signal: FOO"),
        ("0", "invalid signal: 0"),
        ("-1", "the linux daemon does not support signal -1"),
        ("65", "the linux daemon does not support signal 65"),
        ("32", "the linux daemon does not support signal 32"),
        ("RTMIN%2B16", "invalid signal: RTMIN+16"),
        ("SIGSIGTERM", "invalid signal: SIGSIGTERM"),
    ],
)
def test_signals_that_do_not_exist(wharfd: Wharfd, signal: str, words: str) -> None:
    answer = wharfd.request("POST", f"{API}/containers/nobody/kill?signal={signal}")
    assert (answer.status, answer.message) == (400, f"cannot kill container: nobody: {words}")


def test_every_form_of_a_signal_arrives(wharfd: Wharfd) -> None:
    script = 'trap "echo 38" 38; trap "echo 61" 61; trap "echo USR1" USR1; echo ready; while :; do sleep 0.02; done'
    one = Container(wharfd, "signals", "sh", "-c", script)
    one.post("start")
    wait_until(lambda: "ready" in wharfd.docker("logs", one.id).text, "it listens")
    for number, form in enumerate(("USR1", "sigusr1", "10", "%2B10", "RTMIN%2B4", "SIGRTMAX-3", "38")):
        assert one.post(f"kill?signal={form}").status == 204, form
        wait_until(lambda n=number: len(wharfd.docker("logs", one.id).text.split()) == n + 2, form)
    assert wharfd.docker("logs", one.id).text.split() == ["ready", *["USR1"] * 4, "38", "61", "38"]


def test_the_signal_of_a_stop(wharfd: Wharfd) -> None:
    one = Container(wharfd, "signals", "sh", "-c", 'trap "exit 7" USR2; echo ready; while :; do sleep 0.02; done')
    path = f"/containers/{one.id}/stop?signal=USR2"
    # Clients of old versions cannot mean it: there the container's own signal counts, and it ignores that.
    for runs, (stop, code) in enumerate(((f"/v1.41{path}&t=0", 137), (f"/v1.42{path}", 7)), start=1):
        one.post("start")
        wait_until(lambda runs=runs: wharfd.docker("logs", one.id).text.split() == ["ready"] * runs, "it listens")
        wharfd.request("POST", stop)
        assert wharfd.state(one.id)["ExitCode"] == code


@pytest.mark.parametrize(
    ("policy", "auto_remove", "words"),
    [
        ({"Name": "always", "MaximumRetryCount": 3}, False, "can only be used with 'on-failure'"),
        ({"Name": "", "MaximumRetryCount": 3}, False, "can only be used with 'on-failure'"),
        ({"Name": "on-failure", "MaximumRetryCount": -1}, False, "maximum retry count cannot be negative"),
        ({"Name": "sometimes"}, False, "unknown policy 'sometimes'"),
        ({"Name": "always"}, True, "can't create 'AutoRemove' container with restart policy"),
    ],
)
def test_policies_that_make_no_sense(wharfd: Wharfd, policy: object, auto_remove: bool, words: str) -> None:
    host = {"RestartPolicy": policy, "AutoRemove": auto_remove}
    answer = wharfd.request("POST", f"{API}/containers/create?name=none", {"Image": "busybox", "HostConfig": host})
    assert answer.status == 400
    assert words in answer.message
    assert wharfd.docker("ps", "-aq").text == ""


def test_names_that_cannot_be(wharfd: Wharfd) -> None:
    one, other = Container(wharfd, "one", "true"), Container(wharfd, "other", "true")
    allowed = "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    for name, status, words in (
        ("", 400, "Neither old nor new names may be empty"),
        ("one", 400, "Renaming a container with the same name as its current name"),
        ("/one", 400, "Renaming a container with the same name as its current name"),
        ("-x", 400, f"Error when allocating new name: Invalid container name (/-x), {allowed}"),
        ("a/b", 400, f"Error when allocating new name: Invalid container name (/a/b), {allowed}"),
        (
            "other",
            409,
            'Error when allocating new name: Conflict. The container name "/other" is already in use by container '
            f'"{other.id}". You have to remove (or rename) that container to be able to reuse that name.',
        ),
    ):
        answer = one.post(f"rename?name={name}")
        assert (answer.status, answer.message) == (status, words)


def test_prunes_that_cannot_be(wharfd: Wharfd) -> None:
    Container(wharfd, "kept", "true")
    for filters, words in (
        ('{"until":["1d"]}', 'failed to parse value as time or duration: "1d"'),
        ('{"until":["1h","2h"]}', "more than one until filter specified"),
        ('{"colour":["red"]}', "invalid filter 'colour'"),
    ):
        answer = wharfd.request("POST", f"{API}/containers/prune?filters={filters}")
        assert (answer.status, answer.message) == (400, words)
    assert wharfd.docker("ps", "-aq").text != ""


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_several_are_asked_at_once(wharfd: Wharfd, verb: str, tmp_path: Path) -> None:
    """Each ends well only once the other has been asked to end, too; one after the other, both would be killed."""
    tmp_path.chmod(0o777)
    for own, other in (("ann", "bob"), ("bob", "ann")):
        script = (
            f"trap 'touch /both/{own}; until test -e /both/{other}; do sleep 0.02; done; exit 0' TERM; touch /both/up"
        )
        loop = "while :; do sleep 0.02; done"
        options = ("-d", "--name", own, "-v", f"{tmp_path}:/both")
        wharfd.docker("run", *options, "busybox", "sh", "-c", f"{script}-{own}; {loop}")
    wait_until(lambda: {"up-ann", "up-bob"} <= {path.name for path in tmp_path.iterdir()}, "both listen")
    began = time.time()
    assert wharfd.wharf(verb, "-t", "20", "ann", "nobody", "bob", check=False).text.split() == ["ann", "bob"]
    answer = wharfd.request("GET", f"{API}/events?since={began:.6f}&until={time.time():.6f}")
    events = [json.loads(line) for line in answer.body.splitlines()]
    codes = [event["Actor"]["Attributes"]["exitCode"] for event in events if event["Action"] == "die"]
    assert codes == ["0", "0"]


def test_whether_it_is_paused_is_the_kernels_to_say(new_wharfd: Callable[..., Wharfd]) -> None:
    """A daemon dies between what it does to the processes and its record of that."""
    wharfd = new_wharfd()
    running, paused = (Container(wharfd, name, "sleep", "1000") for name in ("running", "paused"))
    for one in (running, paused):
        assert one.post("start").status == 204
    assert paused.post("pause").status == 204
    pids = [wharfd.state(one.id)["Pid"] for one in (running, paused)]
    wharfd.kill9()
    groups.freeze(pids[0], True)
    groups.freeze(pids[1], False)
    wharfd.start()
    assert (running.status, paused.status) == ("paused", "running")
    assert running.post("unpause").status == 204
    assert running.post("exec", {"Cmd": ["true"]}).status == 201
    assert paused.post("pause").status == 204
    # Another one leaves both as they are.
    wharfd.kill9()
    wharfd.start()
    assert (running.status, paused.status) == ("running", "paused")
    assert paused.post("stop?t=0").status == 204


def test_an_end_that_the_disk_does_not_take_is_told_and_recorded_later(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()
    for name in ("box", "other"):
        wharfd.docker("run", "-d", "--name", name, "busybox", "sleep", "600")
    with closing(sqlite3.connect(wharfd.root / "data/wharf.db")) as db, ThreadPoolExecutor() as pool:
        db.execute("CREATE TRIGGER f BEFORE UPDATE ON containers BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        waiting = pool.submit(wharfd.docker, "wait", "box")
        os.kill(wharfd.state("box")["Pid"], signal.SIGKILL)
        assert waiting.result().text == "137"
        assert wharfd.state("box")["Status"] == "exited"
        db.execute("DROP TRIGGER f")
    wharfd.docker("pause", "other")
    wharfd.docker("unpause", "other")
    wharfd.kill9()
    wharfd.start()
    assert (wharfd.state("box")["Status"], wharfd.state("box")["ExitCode"]) == ("exited", 137)
