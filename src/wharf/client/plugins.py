"""Section Plugin of the API: managed plugins. Long operations return an answer whose lines are progress messages."""

from wharf.client.containers import encode_filters
from wharf.client.images import encode_auth
from wharf.client.wire import decode_json, quote
from wharf.jsontext import encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.connection import Answer
    from wharf.client.containers import Filters

    Privileges = list[dict[str, Any]]


def path_of(name: str) -> str:
    return f"/plugins/{quote(name, b'/:@')}"


def list_all(client: "Client", filters: "Filters") -> "list[dict[str, Any]]":
    """By name."""
    found = client.get("/plugins", {"filters": encode_filters(filters)}) or []
    return sorted(found, key=lambda plugin: str(plugin["Name"]))


def inspect(client: "Client", name: str) -> "dict[str, Any]":
    found: dict[str, Any] = client.get(f"{path_of(name)}/json")
    return found


def create(client: "Client", name: str, archive: "Iterable[bytes]") -> None:
    """`archive` is a tar archive, perhaps compressed, of config.json and rootfs/."""
    headers = {"Content-Type": "application/x-tar"}
    client.finish(client.call("POST", "/plugins/create", {"name": name}, body=archive, headers=headers))


def privileges(client: "Client", remote: str, *, auth: str = "") -> "Privileges":
    """What the plugin at a registry wants to be allowed: a list of {Name, Description, Value}."""
    headers = {"X-Registry-Auth": auth} if auth else {}
    answer = client.call("GET", "/plugins/privileges", {"remote": remote}, headers=headers)
    return decode_json(client.finish(answer)) or []


def open_pull(client: "Client", remote: str, name: str, granted: "Privileges", *, auth: str = "") -> "Answer":
    """`name` is what the plugin is to be called here, "" for its own; the answer's headers tell which it got."""
    return _open_fetch(client, "/plugins/pull", {"remote": remote, "name": name}, granted, auth)


def open_upgrade(client: "Client", name: str, remote: str, granted: "Privileges", *, auth: str = "") -> "Answer":
    return _open_fetch(client, f"{path_of(name)}/upgrade", {"remote": remote}, granted, auth)


def _open_fetch(client: "Client", path: str, query: "dict[str, str]", granted: "Privileges", auth: str) -> "Answer":
    headers = {"Content-Type": "application/json"} | ({"X-Registry-Auth": auth} if auth else {})
    return client.call("POST", path, dict(query), body=encode_json(granted).encode(), headers=headers)


def open_push(client: "Client", name: str, *, auth: str = "") -> "Answer":
    headers = {"X-Registry-Auth": auth or encode_auth({})}
    return client.call("POST", f"{path_of(name)}/push", headers=headers)


def enable(client: "Client", name: str, *, timeout: int = 0) -> None:
    """`timeout` is how long answers of the plugin may take, in seconds; 0 sets no limit."""
    client.post(f"{path_of(name)}/enable", {"timeout": timeout})


def disable(client: "Client", name: str, *, force: bool = False) -> None:
    """`force` disables one whose volumes are in use."""
    client.post(f"{path_of(name)}/disable", {"force": force})


def set(client: "Client", name: str, settings: "list[str]") -> None:
    """`settings` are NAME=VALUE, or NAME.FIELD=VALUE."""
    client.post(f"{path_of(name)}/set", value=settings)


def remove(client: "Client", name: str, *, force: bool = False) -> None:
    client.delete(path_of(name), {"force": force})
