"""Section Network of the API."""

from wharf.client.containers import encode_filters
from wharf.client.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.containers import Filters


def path_of(name: str) -> str:
    return f"/networks/{quote(name)}"


def list_all(client: "Client", filters: "Filters") -> "list[dict[str, Any]]":
    """By name."""
    found = client.get("/networks", {"filters": encode_filters(filters)}) or []
    return sorted(found, key=lambda network: str(network["Name"]))


def create(client: "Client", request: "dict[str, Any]") -> "dict[str, Any]":
    """Returns {Id, Warning}. Members that are empty are left out."""
    made: dict[str, Any] = client.post(
        "/networks/create", value={member: value for member, value in request.items() if value or value is False}
    )
    return made


def remove(client: "Client", name: str) -> None:
    client.delete(path_of(name), {})


def connect(client: "Client", name: str, container: str, endpoint: "dict[str, Any]") -> None:
    value = {"Container": container, "EndpointConfig": endpoint}
    client.post(f"{path_of(name)}/connect", value=value)


def disconnect(client: "Client", name: str, container: str, *, force: bool = False) -> None:
    client.post(f"{path_of(name)}/disconnect", value={"Container": container, "Force": force})


def check(client: "Client", source: str, target: str, port: int, protocol: str) -> "dict[str, Any]":
    """Returns {Passes, Steps: [{Passes, Text}]}; a Passes of null leaves it to others."""
    value = {"From": source, "To": target, "Port": port, "Protocol": protocol}
    found: dict[str, Any] = client.post("/networks/check", value=value)
    return found


def prune(client: "Client", filters: "Filters") -> "dict[str, Any]":
    """Returns {NetworksDeleted}."""
    done: dict[str, Any] = client.post("/networks/prune", {"filters": encode_filters(filters)})
    return done
