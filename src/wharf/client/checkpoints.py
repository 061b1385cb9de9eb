"""Checkpoints of containers, where the daemon offers them."""

from wharf.client.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.client import Client


def create(client: "Client", container: str, name: str, *, directory: str = "", leave_running: bool = False) -> None:
    body = {"CheckpointID": name, "CheckpointDir": directory, "Exit": not leave_running}
    client.post(f"/containers/{quote(container)}/checkpoints", None, body)


def list_all(client: "Client", container: str, *, directory: str = "") -> "list[dict[str, Any]]":
    return client.get(f"/containers/{quote(container)}/checkpoints", {"dir": directory or None}) or []


def remove(client: "Client", container: str, name: str, *, directory: str = "") -> None:
    client.delete(f"/containers/{quote(container)}/checkpoints/{quote(name)}", {"dir": directory or None})
