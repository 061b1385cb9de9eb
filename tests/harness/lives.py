"""What a container's life has to be: a model without an engine, for tests that drive a real one beside it.

Each operation changes the model and gives the HTTP status that the engine has to answer with. The model knows settled
states only: restarts by policy and removals have been waited for.
"""

from dataclasses import dataclass, field
from typing import Literal

Policy = Literal["no", "always", "unless-stopped", "on-failure"]
Status = Literal["created", "running", "paused", "exited"]

KILLED = 137


@dataclass
class Life:
    """One container that sleeps until somebody ends it."""

    id: str
    name: str
    policy: Policy = "no"
    auto_remove: bool = False
    status: Status = "created"
    exit_code: int = 0
    restarts: int = 0
    stopped: bool = False  # by the user

    @property
    def alive(self) -> bool:
        return self.status in ("running", "paused")


@dataclass
class Lives:
    """All containers of an engine, by id."""

    known: dict[str, Life] = field(default_factory=dict)

    def named(self, name: str) -> Life | None:
        return next((one for one in self.known.values() if one.name == name), None)

    # ── by the user ──

    def create(self, name: str, policy: Policy, auto_remove: bool) -> int:
        """The caller adds the container, whose id it learns, when this is 201."""
        if auto_remove and policy != "no":
            return 400
        return 409 if self.named(name) is not None else 201

    def add(self, life: Life) -> None:
        self.known[life.id] = life

    def start(self, one: Life) -> int:
        if one.status == "running":
            return 304
        if one.status == "paused":
            return 409
        self._run(one)
        return 204

    def stop(self, one: Life) -> int:
        if not one.alive:
            return 304
        self._end(one, by_user=True)
        return 204

    def kill(self, one: Life) -> int:
        if not one.alive:
            return 409
        self._end(one, by_user=True)
        return 204

    def signal(self, one: Life) -> int:
        """A signal that its process ignores; for that it has to be able to take it."""
        if not one.alive:
            return 409
        one.status = "running"
        return 204

    def restart(self, one: Life) -> int:
        self._run(one)
        return 204

    def pause(self, one: Life) -> int:
        if one.status != "running":
            return 409
        one.status = "paused"
        return 204

    def unpause(self, one: Life) -> int:
        if one.status != "paused":
            return 500
        one.status = "running"
        return 204

    def execute(self, one: Life) -> int:
        return 201 if one.status == "running" else 409

    def rename(self, one: Life, name: str) -> int:
        if name == one.name:
            return 400
        if self.named(name) is not None:
            return 409
        one.name = name
        return 204

    def change_policy(self, one: Life, policy: Policy) -> int:
        if one.auto_remove and policy != "no":
            return 409
        one.policy = policy
        return 200

    def prune(self) -> set[str]:
        """The ids of those that go."""
        gone = {one.id for one in self.known.values() if not one.alive}
        for id in gone:
            del self.known[id]
        return gone

    def remove(self, one: Life, force: bool) -> int:
        if one.alive and not force:
            return 409
        del self.known[one.id]
        return 204

    # ── by nobody ──

    def die(self, one: Life) -> None:
        """Its process is killed by somebody who is not the engine."""
        self._end(one, by_user=False)
        if one.policy != "no":
            one.status, one.exit_code = "running", 0
            one.restarts += 1

    def daemon_starts(self) -> None:
        """Another daemon has taken over: what ran runs, and the policies say what else does."""
        for one in self.known.values():
            if one.status == "exited" and (one.policy == "always" or (one.policy != "no" and not one.stopped)):
                self._run(one)

    # ── both ──

    def _run(self, one: Life) -> None:
        one.status, one.exit_code, one.restarts, one.stopped = "running", 0, 0, False

    def _end(self, one: Life, *, by_user: bool) -> None:
        one.status, one.exit_code = "exited", KILLED
        one.stopped = one.stopped or by_user
        if one.auto_remove:
            del self.known[one.id]
