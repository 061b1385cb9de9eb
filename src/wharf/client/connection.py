"""One connection to the daemon: opening it, a request, its answer."""

from wharf.client.errors import CannotConnect, LostConnection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Protocol

    from wharf.client.address import Address

    class Socket(Protocol):
        """What we need of a socket: the same for plain, TLS and ssh connections."""

        def fileno(self) -> int: ...
        def send(self, data: bytes | memoryview, /) -> int: ...
        def sendall(self, data: bytes, /) -> None: ...
        def recv(self, size: int, /) -> bytes: ...
        def setblocking(self, flag: bool, /) -> None: ...
        def shutdown(self, how: int, /) -> None: ...
        def close(self) -> None: ...

    Body = bytes | Iterable[bytes] | None

AF_UNIX = 1
READ_SIZE = 256 * 1024
HEAD_LIMIT = 256 * 1024  # of an answer's status line and headers


def open_socket(address: "Address") -> "Socket":
    """A connected socket; the caller closes it. Raises CannotConnect."""
    try:
        if address.scheme == "unix":
            # `socket` imports selectors, enum and re: 6 ms that a unix socket does not need.
            from _socket import socket

            plain = socket(AF_UNIX)
            plain.connect(address.target)
            return plain
        from wharf.client import remote

        return remote.open_ssh(address) if address.scheme == "ssh" else remote.open_tcp(address)
    except OSError as error:
        raise CannotConnect(address.text, error) from None


class Answer:
    """Status and headers of an answer, and its body, which can be read once."""

    __slots__ = ("_left", "connection", "headers", "keep_alive", "status")

    def __init__(self, connection: "Connection", status: int, headers: dict[str, str], *, has_body: bool) -> None:
        self.connection = connection
        self.status = status
        self.headers = headers
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        # Bytes of the body still to come: -1 for chunks, -2 for "until the server closes".
        self._left = 0 if not has_body else -1 if chunked else int(headers.get("content-length", -2))
        self.keep_alive = self._left != -2 and headers.get("connection", "").lower() != "close"

    @property
    def ended(self) -> bool:
        return self._left == 0

    def pieces(self) -> "Iterator[bytes]":
        """The body as it arrives. Raises LostConnection when the server stops short."""
        connection = self.connection
        while self._left == -1:
            size = int(connection.read_line().split(b";")[0].strip() or b"0", 16)
            if size == 0:
                while connection.read_line().strip():
                    pass
                self._left = 0
                return
            yield from connection.read_pieces(size)
            connection.read_line()
        if self._left == -2:
            while piece := connection.read_some():
                yield piece
        elif self._left:
            yield from connection.read_pieces(self._left)
        self._left = 0

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def lines(self) -> "Iterator[bytes]":
        """The body's lines as they arrive, without their ends; empty ones are left out."""
        rest = b""
        for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                if line.strip():
                    yield line
        if rest.strip():
            yield rest

    def close(self) -> None:
        self.connection.close()


class Connection:
    """A socket and what was read from it too early."""

    __slots__ = ("_early", "closed", "socket", "used")

    def __init__(self, socket: "Socket") -> None:
        self.socket = socket
        self._early = b""
        self.closed = False
        self.used = False  # has answered before, so the server may have closed it meanwhile

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.socket.close()

    def take_early(self) -> bytes:
        """Bytes that came after the last answer's head: the beginning of a hijacked stream."""
        early, self._early = self._early, b""
        return early

    def read_some(self) -> bytes:
        if self._early:
            return self.take_early()
        try:
            return self.socket.recv(READ_SIZE)
        except ConnectionResetError:
            return b""

    def read_pieces(self, size: int) -> "Iterator[bytes]":
        while size:
            piece = self.read_some()
            if not piece:
                raise LostConnection("unexpected EOF")
            if len(piece) > size:
                self._early = piece[size:]
                piece = piece[:size]
            size -= len(piece)
            yield piece

    def read_line(self) -> bytes:
        return self._read_until(b"\n")

    def _read_until(self, end: bytes) -> bytes:
        data = self._early
        while (found := data.find(end)) < 0:
            if len(data) > HEAD_LIMIT:
                raise LostConnection("the server's answer is not HTTP")
            self._early = b""
            piece = self.read_some()
            if not piece:
                raise LostConnection("EOF" if not data else "unexpected EOF")
            data += piece
        found += len(end)
        self._early = data[found:]
        return data[:found]

    def send(self, method: str, target: str, headers: "Mapping[str, str]", body: "Body") -> None:
        """Send a request. A body that is not bytes goes out in chunks, as it is produced."""
        head = [f"{method} {target} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if isinstance(body, bytes):
            head.append(f"Content-Length: {len(body)}")
        elif body is not None:
            head.append("Transfer-Encoding: chunked")
        elif method in ("POST", "PUT"):
            head.append("Content-Length: 0")
        start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")
        if body is None or isinstance(body, bytes):
            self.socket.sendall(start + (body or b""))
            return
        self.socket.sendall(start)
        for piece in body:
            if piece:
                self.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.socket.sendall(b"0\r\n\r\n")

    def receive(self, *, has_body: bool = True) -> Answer:
        """The next answer's head; interim (1xx) answers but 101 are skipped."""
        while True:
            status, headers = _parse_head(self._read_until(b"\r\n\r\n"))
            self.used = True
            if status == 101 or status >= 200:
                break
        return Answer(self, status, headers, has_body=has_body and status not in (101, 204, 304))


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise LostConnection("the server's answer is not HTTP")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(rest[:3]), headers
