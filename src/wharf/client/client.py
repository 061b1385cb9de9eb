"""The client: one address, one negotiated API version, as many connections as are needed."""

from wharf.client.connection import Answer, Connection, open_socket
from wharf.client.errors import LostConnection, Refused
from wharf.client.wire import decode_json, encode_query
from wharf.jsontext import encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Self

    from wharf.client.address import Address
    from wharf.client.connection import Body
    from wharf.client.wire import Query

NEWEST = "1.54"
#: The last version that shows all of containers and images that people's templates ask for, such as
#: NetworkSettings.IPAddress: what is shown as it came is asked for in no later one.
NEWEST_SHOWN = "1.51"
OLDEST_WITHOUT_HEADER = "1.24"


def older(first: str, second: str) -> str:
    """The older of two API versions such as 1.41 and 1.54."""
    return min(first, second, key=lambda version: [int(part) for part in version.split(".")])


class Client:
    """Speaks to one daemon. Paths are given without a version; a `with` block closes what is open.

    All calls raise Refused for an answer of 400 and above, CannotConnect and LostConnection for the wire's faults.
    """

    def __init__(self, address: "Address", *, version: str = "", headers: "Mapping[str, str] | None" = None) -> None:
        self.address = address
        self._version = version
        self._headers = {
            "Host": "api.wharf.localhost" if address.scheme == "unix" else address.target,
            "User-Agent": "Wharf-Client/0.1.0 (linux)",
            **(headers or {}),
        }
        self._idle: Connection | None = None
        self.server: dict[str, str] = {}  # headers of the server's answer to the first ping

    def another(self) -> "Self":
        """One more client of the same daemon, for another thread or for an answer that is long in coming."""
        return type(self)(self.address, version=self.version, headers=self._headers)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: "type[BaseException] | None", error: object, trace: "TracebackType | None") -> None:
        if self._idle is not None:
            self._idle.close()

    @property
    def version(self) -> str:
        """The API version in use: the newest that both sides know, asked for once."""
        if not self._version:
            self.server = self.ping()
            self._version = older(NEWEST, self.server.get("api-version") or OLDEST_WITHOUT_HEADER)
        return self._version

    def ping(self) -> dict[str, str]:
        """Headers of GET /_ping, which name the server's API version and kind."""
        answer = self._exchange("HEAD", "/_ping", {}, None)
        if answer.status >= 400:
            answer = self._exchange("GET", "/_ping", {}, None)
            self._finish(answer)
        return answer.headers

    def call(
        self,
        method: str,
        path: str,
        query: "Query | None" = None,
        *,
        body: "Body" = None,
        headers: "Mapping[str, str] | None" = None,
        newest: str = NEWEST,
    ) -> Answer:
        """Send a request; the answer's body is still to be read (or the answer closed).

        `newest` is the last version of the API that will do.
        """
        target = f"/v{older(self.version, newest)}{path}{encode_query(query) if query else ''}"
        answer = self._exchange(method, target, headers or {}, body)
        if answer.status >= 400:
            raise _refusal(answer.status, self._finish(answer))
        return answer

    def get(self, path: str, query: "Query | None" = None) -> "Any":
        """The JSON value at `path`."""
        return decode_json(self._finish(self.call("GET", path, query)))

    def get_text(self, path: str, query: "Query | None" = None, *, newest: str = NEWEST) -> str:
        """The JSON at `path` as the server wrote it."""
        return self._finish(self.call("GET", path, query, newest=newest)).decode()

    def post(self, path: str, query: "Query | None" = None, value: "Any" = None, **headers: str) -> "Any":
        """Send `value` as JSON; the answer's JSON value, or None if it has no body."""
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        body = None
        if value is not None:
            names["Content-Type"] = "application/json"
            body = encode_json(value).encode()
        data = self._finish(self.call("POST", path, query, body=body, headers=names))
        return decode_json(data) if data.strip() else None

    def delete(self, path: str, query: "Query | None" = None) -> "Any":
        data = self._finish(self.call("DELETE", path, query))
        return decode_json(data) if data.strip() else None

    def hijack(self, path: str, query: "Query | None" = None, value: "Any" = None) -> "tuple[Answer, Connection]":
        """A POST whose connection becomes a stream both ways. The caller closes the connection."""
        headers = {"Connection": "Upgrade", "Upgrade": "tcp", "Content-Type": "application/json"}
        body = None if value is None else encode_json(value).encode()
        target = f"/v{self.version}{path}{encode_query(query) if query else ''}"
        connection = Connection(open_socket(self.address))
        connection.send("POST", target, {**self._headers, **headers}, body)
        answer = connection.receive()
        if answer.status >= 400:
            raise _refusal(answer.status, answer.read())
        return answer, connection

    def _exchange(self, method: str, target: str, headers: "Mapping[str, str]", body: "Body") -> Answer:
        connection = self._idle or Connection(open_socket(self.address))
        self._idle = None
        try:
            return self._once(connection, method, target, headers, body)
        except (LostConnection, OSError) as error:
            again = connection.used and (body is None or isinstance(body, bytes))
            connection.close()
            if again:  # the server had closed the idle connection
                return self._once(Connection(open_socket(self.address)), method, target, headers, body)
            if isinstance(error, OSError):
                raise LostConnection(error.strerror or str(error)) from None
            raise

    def _once(
        self, connection: Connection, method: str, target: str, headers: "Mapping[str, str]", body: "Body"
    ) -> Answer:
        try:
            connection.send(method, target, {**self._headers, **headers}, body)
        except (BrokenPipeError, ConnectionResetError):
            # A server that has seen enough of the body answers and closes: its answer says why.
            answer = connection.receive()
            answer.keep_alive = False
            return answer
        answer = connection.receive(has_body=method != "HEAD")
        if answer.ended and answer.keep_alive:
            self._idle = connection
        return answer

    def _finish(self, answer: Answer) -> bytes:
        """The whole body; keeps the connection for the next request if that is allowed."""
        done = answer.ended
        data = answer.read()
        if answer.keep_alive and not done:
            if self._idle is not None:
                self._idle.close()
            self._idle = answer.connection
        elif not answer.keep_alive:
            answer.close()
        return data

    def finish(self, answer: Answer) -> bytes:
        """Read the rest of an answer that call() returned."""
        return self._finish(answer)


def _refusal(status: int, body: bytes) -> Refused:
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            text = str(decode_json(text).get("message", text))
        except Exception:
            pass  # not the error form after all: show it as it came
    return Refused(status, text or f"request returned status {status} and no message; is this a container engine?")
