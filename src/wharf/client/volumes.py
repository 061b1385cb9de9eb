"""Section Volume of the API."""

from wharf.client.containers import encode_filters
from wharf.client.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.client import Client
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
