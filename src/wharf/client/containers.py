"""Section Container of the API."""

from wharf.client.client import older
from wharf.client.wire import decode_json, quote
from wharf.jsontext import encode_json

#: Later versions know a MAC address for each network.
LAST_WITH_ONE_MAC_ADDRESS = "1.43"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.connection import Answer, Connection

    Filters = dict[str, dict[str, bool]]


def encode_filters(filters: "Filters") -> str | None:
    """The query parameter `filters`, or None when there are none."""
    return encode_json(filters, sort=True) if filters else None


def list_all(
    client: "Client", *, all: bool = False, limit: int = 0, size: bool = False, filters: "Filters | None" = None
) -> "list[dict[str, Any]]":
    query = {"all": all, "limit": limit if limit > 0 else None, "size": size, "filters": encode_filters(filters or {})}
    found: list[dict[str, Any]] = client.get("/containers/json", query)
    return found


def with_one_mac_address(body: "dict[str, Any]") -> "dict[str, Any]":
    """A create request whose MAC address is the container's, as long as a network had none of its own."""
    mode = (body.get("HostConfig") or {}).get("NetworkMode", "")
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    address = (endpoints.get(mode) or {}).get("MacAddress", "")
    return {**body, "MacAddress": address} if address else body


def create(client: "Client", body: "dict[str, Any]", *, name: str = "", platform: str = "") -> "dict[str, Any]":
    """Returns {Id, Warnings}."""
    query = {"name": name or None, "platform": platform or None}
    if older(client.version, LAST_WITH_ONE_MAC_ADDRESS) == client.version:
        body = with_one_mac_address(body)
    made: dict[str, Any] = client.post("/containers/create", query, body)
    return made


def inspect(client: "Client", name: str, *, size: bool = False) -> "dict[str, Any]":
    found: dict[str, Any] = client.get(f"/containers/{quote(name)}/json", {"size": size})
    return found


def start(client: "Client", name: str, *, checkpoint: str = "", checkpoint_directory: str = "") -> None:
    query = {"checkpoint": checkpoint or None, "checkpoint-dir": checkpoint_directory or None}
    client.post(f"/containers/{quote(name)}/start", query)


def stop(client: "Client", name: str, *, timeout: int | None = None, signal: str = "") -> None:
    client.post(f"/containers/{quote(name)}/stop", {"t": timeout, "signal": signal or None})


def restart(client: "Client", name: str, *, timeout: int | None = None, signal: str = "") -> None:
    client.post(f"/containers/{quote(name)}/restart", {"t": timeout, "signal": signal or None})


def kill(client: "Client", name: str, signal: str = "") -> None:
    client.post(f"/containers/{quote(name)}/kill", {"signal": signal or None})


def pause(client: "Client", name: str) -> None:
    client.post(f"/containers/{quote(name)}/pause")


def unpause(client: "Client", name: str) -> None:
    client.post(f"/containers/{quote(name)}/unpause")


def rename(client: "Client", name: str, new: str) -> None:
    client.post(f"/containers/{quote(name)}/rename", {"name": new})


def remove(client: "Client", name: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
    client.delete(f"/containers/{quote(name)}", {"force": force, "v": volumes, "link": link})


def resize(client: "Client", name: str, height: int, width: int) -> None:
    client.post(f"/containers/{quote(name)}/resize", {"h": height, "w": width})


def top(client: "Client", name: str, ps_args: str = "") -> "dict[str, Any]":
    found: dict[str, Any] = client.get(f"/containers/{quote(name)}/top", {"ps_args": ps_args or None})
    return found


def open_wait(client: "Client", name: str, condition: str = "") -> "Answer":
    """Ask for the end. It is registered when this returns; wait_result() waits for it."""
    return client.call("POST", f"/containers/{quote(name)}/wait", {"condition": condition or None})


def wait_result(answer: "Answer") -> tuple[int, str]:
    """Exit code, and what went wrong with the waiting itself."""
    found = decode_json(answer.read())
    return int(found["StatusCode"]), str((found.get("Error") or {}).get("Message", ""))


def attach(
    client: "Client",
    name: str,
    *,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    logs: bool = False,
    detach_keys: str = "",
) -> "Connection":
    """The container's streams on one connection, which the caller closes. Framed unless the container has a tty."""
    query = {
        "stream": True,
        "stdin": stdin,
        "stdout": stdout,
        "stderr": stderr,
        "logs": logs,
        "detachKeys": detach_keys or None,
    }
    _, connection = client.hijack(f"/containers/{quote(name)}/attach", query)
    return connection


def clear_logs(client: "Client", name: str) -> None:
    """★ Forgets what the container wrote until now: Wharf's own, dockerd does not offer it."""
    client.delete(f"/containers/{quote(name)}/logs")


def open_logs(
    client: "Client",
    name: str,
    *,
    follow: bool = False,
    timestamps: bool = False,
    details: bool = False,
    since: str = "",
    until: str = "",
    tail: str = "",
) -> "Answer":
    """Both streams' lines; framed unless the container has a tty. `since`, `until`: Unix seconds or RFC 3339."""
    query = {
        "stdout": True,
        "stderr": True,
        "follow": follow,
        "timestamps": timestamps,
        "details": details,
        "since": since or None,
        "until": until or None,
        "tail": tail or None,
    }
    return client.call("GET", f"/containers/{quote(name)}/logs", query)


def prune(client: "Client", filters: "Filters") -> "dict[str, Any]":
    """Returns {ContainersDeleted, SpaceReclaimed}."""
    found: dict[str, Any] = client.post("/containers/prune", {"filters": encode_filters(filters)})
    return found
