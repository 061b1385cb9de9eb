"""Section Image of the API. Long operations return an answer whose lines are progress messages."""

from wharf.client.containers import encode_filters
from wharf.client.wire import quote
from wharf.jsontext import encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.connection import Answer
    from wharf.client.containers import Filters


def encode_auth(auth: "dict[str, Any]") -> str:
    """The header X-Registry-Auth: base64 (URL alphabet) of the JSON."""
    from binascii import b2a_base64

    return b2a_base64(encode_json(auth).encode(), newline=False).decode().translate({43: "-", 47: "_"})


def path_of(name: str) -> str:
    return f"/images/{quote(name, b'/:@')}"


def list_all(
    client: "Client", *, all: bool = False, digests: bool = False, filters: "Filters | None" = None
) -> "list[dict[str, Any]]":
    query = {"all": all, "digests": digests, "filters": encode_filters(filters or {})}
    found: list[dict[str, Any]] = client.get("/images/json", query)
    return found


def open_pull(client: "Client", name: str, tag: str, *, platform: str = "", auth: str = "") -> "Answer":
    """`tag` is a tag, a digest, or "" for all tags; `auth` is what encode_auth() made."""
    headers = {"X-Registry-Auth": auth} if auth else {}
    query = {"fromImage": name, "tag": tag or None, "platform": platform or None}
    return client.call("POST", "/images/create", query, headers=headers)


def open_push(client: "Client", name: str, tag: str, *, auth: str = "") -> "Answer":
    headers = {"X-Registry-Auth": auth or encode_auth({})}
    return client.call("POST", f"{path_of(name)}/push", {"tag": tag or None}, headers=headers)


def open_import(
    client: "Client",
    source: str,
    archive: "Iterable[bytes] | None",
    *,
    repository: str = "",
    tag: str = "",
    message: str = "",
    changes: "list[str] | None" = None,
    platform: str = "",
) -> "Answer":
    """`source` is an URL, or "-" with the archive as the body."""
    query = {
        "fromSrc": source,
        "repo": repository or None,
        "tag": tag or None,
        "message": message or None,
        "changes": changes or None,
        "platform": platform or None,
    }
    return client.call("POST", "/images/create", query, body=archive)


def open_load(client: "Client", archive: "Iterable[bytes]", *, quiet: bool = False) -> "Answer":
    headers = {"Content-Type": "application/x-tar"}
    return client.call("POST", "/images/load", {"quiet": "1" if quiet else "0"}, body=archive, headers=headers)


def open_save(client: "Client", names: "list[str]") -> "Answer":
    """The archive's bytes."""
    return client.call("GET", "/images/get", {"names": names})


def inspect(client: "Client", name: str) -> "dict[str, Any]":
    found: dict[str, Any] = client.get(f"{path_of(name)}/json")
    return found


def history(client: "Client", name: str) -> "list[dict[str, Any]]":
    found: list[dict[str, Any]] = client.get(f"{path_of(name)}/history")
    return found


def search(client: "Client", term: str, *, limit: int = 0, filters: "Filters | None" = None) -> "list[dict[str, Any]]":
    """Repositories that a registry finds; `limit` 0 is the daemon's usual number."""
    query = {"term": term, "limit": limit or None, "filters": encode_filters(filters or {})}
    found: list[dict[str, Any]] = client.get("/images/search", query)
    return found


def tag(client: "Client", name: str, repository: str, tag: str) -> None:
    client.post(f"{path_of(name)}/tag", {"repo": repository, "tag": tag or None})


def remove(client: "Client", name: str, *, force: bool = False, no_prune: bool = False) -> "list[dict[str, str]]":
    """What was done: a list of {Untagged} and {Deleted}."""
    done: list[dict[str, str]] = client.delete(path_of(name), {"force": force, "noprune": no_prune})
    return done


def prune(client: "Client", filters: "Filters") -> "dict[str, Any]":
    """Returns {ImagesDeleted, SpaceReclaimed}."""
    found: dict[str, Any] = client.post("/images/prune", {"filters": encode_filters(filters)})
    return found
