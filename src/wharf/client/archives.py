"""Files, resources and images of containers: the rest of section Container of the API."""

from wharf.client.wire import decode_json, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.connection import Answer
    from wharf.client.wire import Query

STAT_HEADER = "x-docker-container-path-stat"
# Bits of the mode in a path's stat.
DIRECTORY, SYMLINK = 1 << 31, 1 << 27


def read_stat(answer: "Answer") -> "dict[str, Any]":
    """{name, size, mode, mtime, linkTarget} of the path that an answer is about."""
    from binascii import a2b_base64

    found: dict[str, Any] = decode_json(a2b_base64(answer.headers.get(STAT_HEADER, "")))
    return found


def stat_path(client: "Client", name: str, path: str) -> "dict[str, Any]":
    answer = client.call("HEAD", f"/containers/{quote(name)}/archive", {"path": path})
    client.finish(answer)
    return read_stat(answer)


def open_archive(client: "Client", name: str, path: str) -> "Answer":
    """A tar archive of what is at `path`; read_stat() tells what that is."""
    return client.call("GET", f"/containers/{quote(name)}/archive", {"path": path})


def put_archive(
    client: "Client", name: str, path: str, archive: "Iterable[bytes]", *, keep_kinds: bool, as_user: bool
) -> None:
    query: Query = {"path": path, "noOverwriteDirNonDir": keep_kinds, "copyUIDGID": as_user}
    headers = {"Content-Type": "application/x-tar"}
    client.finish(client.call("PUT", f"/containers/{quote(name)}/archive", query, body=archive, headers=headers))


def open_export(client: "Client", name: str) -> "Answer":
    return client.call("GET", f"/containers/{quote(name)}/export")


def changes(client: "Client", name: str) -> "list[dict[str, Any]]":
    """[{Path, Kind}]; kind 0 is modified, 1 added, 2 deleted."""
    return client.get(f"/containers/{quote(name)}/changes") or []


def commit(
    client: "Client",
    name: str,
    *,
    repository: str = "",
    tag: str = "",
    author: str = "",
    comment: str = "",
    changes: "list[str] | None" = None,
    pause: bool = True,
) -> str:
    """The new image's id."""
    query: Query = {
        "container": name,
        "repo": repository or None,
        "tag": tag or None,
        "author": author or None,
        "comment": comment or None,
        "changes": changes or [],
        "pause": None if pause else "0",
    }
    return str(client.post("/commit", query)["Id"])


def open_stats(client: "Client", name: str, *, stream: bool) -> "Answer":
    return client.call("GET", f"/containers/{quote(name)}/stats", {"stream": "1" if stream else "0"})


def edit(
    client: "Client", name: str, wanted: "dict[str, Any]", *, restart: bool = True, timeout: int | None = None
) -> "list[str]":
    """Sets the members of a create request that `wanted` has. Returns warnings."""
    answer = client.post(f"/containers/{quote(name)}/edit", {"restart": "1" if restart else "0", "t": timeout}, wanted)
    return (answer or {}).get("Warnings") or []


def update(client: "Client", name: str, wanted: "dict[str, Any]") -> "list[str]":
    """Returns warnings."""
    answer = client.post(f"/containers/{quote(name)}/update", None, wanted)
    return (answer or {}).get("Warnings") or []
