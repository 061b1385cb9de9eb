"""Section Volume of the API."""

from wharf.client.containers import encode_filters
from wharf.client.wire import decode_json, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.connection import Answer
    from wharf.client.containers import Filters


def path_of(name: str) -> str:
    return f"/volumes/{quote(name)}"


def list_all(client: "Client", filters: "Filters") -> "list[dict[str, Any]]":
    """By name."""
    found = client.get("/volumes", {"filters": encode_filters(filters)}).get("Volumes") or []
    return sorted(found, key=lambda volume: str(volume["Name"]))


def create(
    client: "Client", name: str, *, driver: str = "local", options: "dict[str, str]", labels: "dict[str, str]"
) -> "dict[str, Any]":
    """The volume, as inspect shows it. Without a name the daemon makes one up."""
    body = {"Name": name, "Driver": driver, "DriverOpts": options, "Labels": labels}
    made: dict[str, Any] = client.post(
        "/volumes/create", value={member: value for member, value in body.items() if value}
    )
    return made


def remove(client: "Client", name: str, *, force: bool = False) -> None:
    client.delete(path_of(name), {"force": force})


def prune(client: "Client", filters: "Filters") -> "dict[str, Any]":
    """Returns {VolumesDeleted, SpaceReclaimed}."""
    done: dict[str, Any] = client.post("/volumes/prune", {"filters": encode_filters(filters)})
    return done


def rename(client: "Client", name: str, new: str) -> None:
    client.post(f"{path_of(name)}/rename", {"name": new})


def clone(client: "Client", name: str, new: str) -> "dict[str, Any]":
    """The new volume."""
    made: dict[str, Any] = client.post(f"{path_of(name)}/clone", {"name": new})
    return made


def open_export(client: "Client", name: str) -> "Answer":
    """A tar archive of what is in a volume."""
    return client.call("GET", f"{path_of(name)}/export")


def receive(client: "Client", name: str, archive: "Iterable[bytes]") -> "dict[str, Any]":
    """A new volume, made of a tar archive."""
    headers = {"Content-Type": "application/x-tar"}
    answer = client.finish(client.call("POST", f"{path_of(name)}/import", body=archive, headers=headers))
    made: dict[str, Any] = decode_json(answer)
    return made
