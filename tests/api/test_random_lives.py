"""Random lives of containers, on a real engine and in a model: answers, records and kernel agree after each step.

`WHARF_LIVES=200` runs so many lives of 50 steps, random ones each time, instead of the few that the suite always runs.
"""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from harness.engine import API, Answer
from harness.lives import Life, Lives, Policy
from harness.wharfd import Wharfd

LIVES = int(os.environ.get("WHARF_LIVES", "0"))
PROFILE = settings(
    max_examples=LIVES or 6,
    stateful_step_count=50 if LIVES else 20,
    deadline=None,
    derandomize=not LIVES,
    database=None,
    phases=[Phase.generate],  # a shorter story is not worth the minutes that an engine takes to tell it
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
#: More would only make the restarts' pauses long.
MOST_DEATHS = 3
#: busybox's sleep as a container's init ignores what it has no handler for.
COMMAND = ["sleep", "100000"]
NAMES = st.sampled_from(["ann", "bob", "cyd", "dan"])
POLICIES: st.SearchStrategy[Policy] = st.sampled_from(["no", "no", "always", "unless-stopped", "on-failure"])
#: Seconds in which restarts and removals in the background have to be done.
SETTLED_WITHIN = 60.0

pytestmark = pytest.mark.timeout(600 + 20 * LIVES)


class Machine(RuleBasedStateMachine):
    """The rules. `engine` is given by the test; all examples share it."""

    engine: Wharfd
    lives = Bundle("lives")

    def __init__(self) -> None:
        super().__init__()
        self.model = Lives()
        self._statuses = itertools.cycle(("created", "running", "paused", "exited"))

    # ── rules ──

    @rule(target=lives, name=NAMES, policy=POLICIES, auto_remove=st.booleans())
    def create(self, name: str, policy: Policy, auto_remove: bool) -> Any:
        host = {"RestartPolicy": {"Name": policy}, "AutoRemove": auto_remove}
        body = {"Image": "busybox", "Cmd": COMMAND, "HostConfig": host}
        answer = self.engine.request("POST", f"{API}/containers/create?name={name}", body)
        assert answer.status == self.model.create(name, policy, auto_remove), answer.body
        if answer.status != 201:
            return multiple()
        life = Life(answer.json["Id"], name, policy, auto_remove)
        self.model.add(life)
        return life

    @rule(one=lives)
    def start(self, one: Life) -> None:
        self._post(one, "start", self.model.start)

    @rule(one=lives)
    def stop(self, one: Life) -> None:
        self._post(one, "stop?t=0", self.model.stop)

    @rule(one=lives)
    def kill(self, one: Life) -> None:
        self._post(one, "kill", self.model.kill)

    @rule(one=lives)
    def signal(self, one: Life) -> None:
        self._post(one, "kill?signal=USR1", self.model.signal)

    @rule(one=lives)
    def restart(self, one: Life) -> None:
        self._post(one, "restart?t=0", self.model.restart)

    @rule(one=lives)
    def pause(self, one: Life) -> None:
        self._post(one, "pause", self.model.pause)

    @rule(one=lives)
    def unpause(self, one: Life) -> None:
        self._post(one, "unpause", self.model.unpause)

    @rule(one=lives, name=NAMES)
    def rename(self, one: Life, name: str) -> None:
        self._post(one, f"rename?name={name}", lambda life: self.model.rename(life, name))

    @rule(one=lives)
    def execute(self, one: Life) -> None:
        body = {"Cmd": ["sh", "-c", "exit 7"], "AttachStdout": True}
        answer = self._post(one, "exec", self.model.execute, body)
        if answer.status == 201:
            id = answer.json["Id"]
            assert self.engine.request("POST", f"/v1.43/exec/{id}/start", {}).status == 200
            assert self.engine.request("GET", f"{API}/exec/{id}/json").json["ExitCode"] == 7

    @rule(one=lives, policy=POLICIES)
    def update(self, one: Life, policy: Policy) -> None:
        body = {"RestartPolicy": {"Name": policy}}
        self._post(one, "update", lambda life: self.model.change_policy(life, policy), body)

    @rule()
    def prune(self) -> None:
        answer = self.engine.request("POST", f"{API}/containers/prune")
        assert set(answer.json["ContainersDeleted"] or ()) == self.model.prune()

    @rule(one=consumes(lives))
    def remove_by_force(self, one: Life) -> None:
        self._remove(one, force=True)

    @rule(one=lives)
    def remove(self, one: Life) -> None:
        self._remove(one, force=False)

    @rule(one=lives)
    def die(self, one: Life) -> None:
        life = self.model.known.get(one.id)
        if life is None or life.status != "running" or life.restarts >= MOST_DEATHS:
            return
        os.kill(self.engine.state(one.id)["Pid"], 9)
        self.model.die(life)

    @rule(one=lives, others=st.lists(st.sampled_from(["stop?t=0", "kill", "start", "pause", "unpause"]), max_size=3))
    def several_at_once(self, one: Life, others: list[str]) -> None:
        """Nobody can say what comes of it; but when all have been answered, a restart and a stop have to do."""
        life = self.model.known.get(one.id)
        if life is None or life.auto_remove:
            return
        paths = [f"{API}/containers/{one.id}/{operation}" for operation in ("stop?t=0", *others)]
        threads = [threading.Thread(target=self.engine.request, args=("POST", path)) for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._post(one, "restart?t=0", self.model.restart)
        self._post(one, "stop?t=0", self.model.stop)

    @rule(killed=st.booleans())
    def another_daemon(self, killed: bool) -> None:
        if killed:
            self.engine.kill9()
            self.engine.start()
        else:
            self.engine.restart()
        self.model.daemon_starts()

    def _post(self, one: Life, path: str, foretell: Callable[[Life], int], body: object = None) -> Answer:
        """Asks the engine, and the model what it has to answer."""
        answer = self.engine.request("POST", f"{API}/containers/{one.id}/{path}", body)
        life = self.model.known.get(one.id)
        assert answer.status == (404 if life is None else foretell(life)), (path, answer.status, answer.body)
        return answer

    def _remove(self, one: Life, *, force: bool) -> None:
        answer = self.engine.request("DELETE", f"{API}/containers/{one.id}?force={int(force)}")
        life = self.model.known.get(one.id)
        assert answer.status == (404 if life is None else self.model.remove(life, force)), answer.body

    # ── what has to hold ──

    @invariant()
    def all_agree(self) -> None:
        """Records and kernel are, or soon become, what the model says."""
        end = time.monotonic() + SETTLED_WITHIN
        while differences := [*self._records(), *self._kernel()]:
            assert time.monotonic() < end, differences
            time.sleep(0.02)

    def _records(self) -> Iterator[str]:
        listed = self.engine.request("GET", f"{API}/containers/json?all=1").json
        states = {one["Id"]: one["State"] for one in listed}
        yield from differ("ps -a", states, {one.id: one.status for one in self.model.known.values()})
        status = next(self._statuses)
        filters = json.dumps({"status": [status]}, separators=(",", ":"))
        found = {one["Id"] for one in self.engine.request("GET", f"{API}/containers/json?filters={filters}").json}
        expected = {one.id for one in self.model.known.values() if one.status == status}
        yield from differ(f"ps --filter status={status}", found, expected)
        for one in self.model.known.values():
            answer = self.engine.request("GET", f"{API}/containers/{one.name}/json")
            if answer.status != 200:
                yield f"inspect of {one.name}: {answer.status}"
                continue
            yield from differ(f"inspect of {one.name}", told_of(answer.json), told_by(one))

    def _kernel(self) -> Iterator[str]:
        alive = {one.id for one in self.model.known.values() if one.alive}
        groups = self.engine.cgroups()
        yield from differ("cgroups", {group.name for group in groups}, alive)
        yield from differ("bundles", names_in(self.engine.root / "exec/containers"), alive)
        yield from differ("directories", names_in(self.engine.root / "data/containers"), set(self.model.known))
        yield from differ("mounts of the host", self.engine.mounts(), [])
        for one in self.model.known.values():
            if one.alive:
                yield from self._process(one)
                own = [group for group in groups if group.name == one.id]
                yield from differ(f"{one.name} is frozen", is_frozen(own), one.status == "paused")

    def _process(self, one: Life) -> Iterator[str]:
        pid = self.engine.state(one.id)["Pid"]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
            group = Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            yield f"{one.name} has no process {pid}"
            return
        yield from differ(f"the process of {one.name}", command, [word.encode() for word in COMMAND])
        if one.id not in group:
            yield f"the process of {one.name} is not in its cgroup"

    def teardown(self) -> None:
        for id in self.model.known:
            self.engine.request("DELETE", f"{API}/containers/{id}?force=1")


def is_frozen(groups: list[Path]) -> bool:
    """As the kernel has it: the freezer of version 1, or cgroup.freeze of version 2."""
    for group in groups:
        for name, frozen in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
            if (group / name).exists():
                return (group / name).read_text().strip() == frozen
    return False


def told_of(inspected: Any) -> dict[str, Any]:
    """What an inspect says of a life, in the model's words."""
    state = inspected["State"]
    return {
        "name": inspected["Name"],
        "status": state["Status"],
        "running": state["Running"],
        "paused": state["Paused"],
        "restarting": state["Restarting"],
        "has a pid": state["Pid"] != 0,
        "exit code": state["ExitCode"],
        "restarts": inspected["RestartCount"],
        "error": state["Error"],
    }


def told_by(one: Life) -> dict[str, Any]:
    return {
        "name": f"/{one.name}",
        "status": one.status,
        "running": one.alive,
        "paused": one.status == "paused",
        "restarting": False,
        "has a pid": one.alive,
        "exit code": one.exit_code,
        "restarts": one.restarts,
        "error": "",
    }


def differ(what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found}, not {expected}"


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_random_lives(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    machine = type("Machine", (Machine,), {"engine": engine})
    run_state_machine_as_test(machine, settings=PROFILE)
