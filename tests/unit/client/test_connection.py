"""HTTP as the client reads it: whole, in pieces of any size, and broken."""

import itertools
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wharf
from wharf.client.address import default_host, parse_address
from wharf.client.client import Client, older
from wharf.client.connection import Connection
from wharf.client.errors import CannotConnect, LostConnection, Refused
from wharf.client.frames import Unframer
from wharf.client.names import parse_name
from wharf.client.wire import decode_json, encode_query, quote
from wharf.errors import EngineError, InvalidArgument
from wharf.jsontext import encode_json

ANSWERS = {
    "with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b:c\r\n\r\nhello",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: t\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
}


def connected(data: bytes, cuts: list[int]) -> Connection:
    """A connection on which `data` arrives in pieces, and then nothing more."""
    ours, theirs = socket.socketpair()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})

    class Pieces:
        """A socket that gives at most one piece at a time."""

        def __init__(self) -> None:
            self._left = [data[start:end] for start, end in itertools.pairwise(places)]

        def recv(self, size: int) -> bytes:
            return self._left.pop(0) if self._left else b""

        def close(self) -> None:
            ours.close()
            theirs.close()

    return Connection(Pieces())  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@given(cuts=st.lists(st.integers(min_value=0, max_value=200)))
@settings(max_examples=40)
def test_an_answer_is_the_same_however_it_is_cut(answer: bytes, cuts: list[int]) -> None:
    with closing(connected(answer, cuts)) as connection:
        found = connection.receive()
        assert (found.status, found.read()) == (200, b"hello")


@pytest.mark.parametrize("name", ["with a length", "in chunks"])
def test_an_answer_that_stops_short_is_an_error(name: str) -> None:
    for length in range(1, len(ANSWERS[name]) - len("Trailer: t\r\n\r\n")):
        with closing(connected(ANSWERS[name][:length], [])) as connection, pytest.raises(LostConnection):
            connection.receive().read()


@given(st.lists(st.integers(min_value=0, max_value=100)))
def test_lines_arrive_whole(cuts: list[int]) -> None:
    body = b'{"a":1}\r\n{"b":2}\r\n\r\n{"c":3}'
    with closing(connected(b"HTTP/1.1 200 OK\r\n\r\n" + body, cuts)) as connection:
        lines = [decode_json(line) for line in connection.receive().lines()]
    assert lines == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_what_follows_an_upgrade_is_kept() -> None:
    with closing(connected(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nearly", [])) as connection:
        assert connection.receive().status == 101
        assert connection.take_early() == b"early"


frames = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)))


@given(frames, st.lists(st.integers(min_value=0, max_value=300)))
def test_frames_are_the_same_however_they_are_cut(parts: list[tuple[int, bytes]], cuts: list[int]) -> None:
    data = b"".join(bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in parts)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    unframer = Unframer()
    found = [part for start, end in itertools.pairwise(places) for part in unframer.feed(data[start:end])]
    for wanted in (1, 2):
        joined = b"".join(text for stream, text in found if stream == wanted)
        assert joined == b"".join(text for stream, text in parts if stream == wanted)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(LostConnection):
        Unframer().feed(b"plain text")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_json_that_we_write_we_read(value: object) -> None:
    assert decode_json(encode_json(value)) == value


@pytest.mark.parametrize("text", ["", "nothing", "{", '{"a":}', "\xff"])
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(EngineError):
        decode_json(text)


@pytest.mark.parametrize("text", ["{", '{"a"', "[1 2]", '"a'])
def test_nor_is_it_one_for_a_process_that_has_not_loaded_json(text: str) -> None:
    """As the command line has not: CPython's scanner then cannot say what is wrong."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); from wharf.client.wire import decode_json\n"
    command = [sys.executable, "-I", "-S", "-c", f"{script}decode_json({text!r})", str(Path(wharf.__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "wharf.errors.EngineError: the server's answer is not JSON: " in done.stderr


def test_queries() -> None:
    assert encode_query({"all": True, "size": False, "limit": None, "name": "a b/é", "n": 3, "c": ["x", "y"]}) == (
        "?all=1&name=a%20b%2F%C3%A9&n=3&c=x&c=y"
    )
    assert encode_query({"all": False}) == ""
    assert quote("a/b:c", b"/:") == "a/b:c"


@pytest.mark.parametrize(
    ("text", "scheme", "target", "port"),
    [
        ("unix:///run/x.sock", "unix", "/run/x.sock", 0),
        ("/run/x.sock", "unix", "/run/x.sock", 0),
        ("tcp://host:1234", "tcp", "host", 1234),
        ("tcp://host", "tcp", "host", 2375),
        ("tcp://[::1]:5", "tcp", "::1", 5),
        ("host:80", "tcp", "host", 80),
        ("ssh://me@far:22", "ssh", "far", 22),
    ],
)
def test_addresses(text: str, scheme: str, target: str, port: int) -> None:
    address = parse_address(text)
    assert (address.scheme, address.target, address.port) == (scheme, target, port)


@pytest.mark.parametrize("text", ["ftp://x", "tcp://x:y"])
def test_addresses_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unable to parse docker host"):
        parse_address(text)


def test_the_environment_names_the_daemon() -> None:
    assert default_host({"DOCKER_HOST": "tcp://a", "WHARF_HOST": "tcp://b"}) == "tcp://b"
    assert default_host({"DOCKER_HOST": "tcp://a"}) == "tcp://a"
    assert default_host({}).startswith("unix:///var/run/")


def test_versions_are_compared_as_numbers() -> None:
    assert (older("1.9", "1.54"), older("1.54", "1.41")) == ("1.9", "1.41")


@pytest.mark.parametrize(
    ("text", "repository", "tag", "registry"),
    [
        ("busybox", "busybox", "", "docker.io"),
        ("busybox:1", "busybox", "1", "docker.io"),
        ("docker.io/library/busybox", "busybox", "", "docker.io"),
        ("me/x:y", "me/x", "y", "docker.io"),
        ("localhost:5000/a/b", "localhost:5000/a/b", "", "localhost:5000"),
        ("ghcr.io/a/b:c", "ghcr.io/a/b", "c", "ghcr.io"),
    ],
)
def test_names(text: str, repository: str, tag: str, registry: str) -> None:
    name = parse_name(text)
    assert (name.repository, name.tag, name.registry) == (repository, tag, registry)


@pytest.mark.parametrize("text", ["", "BusyBox", "a b", "a:", "a:b:c", "a@sha256:1", "a..b", "-a", "a/", "a:-x"])
def test_names_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid reference format"):
        parse_name(text)


@pytest.fixture
def server(tmp_path: object) -> Iterator[tuple[str, list[bytes]]]:
    """A daemon that gives the answers put into the list, one to a request, on as many connections as come."""
    path = f"{tmp_path}/s.sock"
    answers: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                while answers and peer.recv(65536):
                    answer = answers.pop(0)
                    peer.sendall(answer)
                    if b"Connection: close" in answer:
                        break

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"unix://{path}", answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


PONG = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n"


def test_the_version_is_what_both_know(server: tuple[str, list[bytes]]) -> None:
    host, answers = server
    answers += [PONG, answer(b"[]")]
    with Client(parse_address(host)) as client:
        assert client.get("/x") == []
        assert client.version == "1.41"


def test_an_idle_connection_that_was_closed_is_replaced(server: tuple[str, list[bytes]]) -> None:
    host, answers = server
    answers += [answer(b"1"), answer(b"2", b"Connection: close"), answer(b"3")]
    with Client(parse_address(host), version="1.41") as client:
        assert [client.get("/x") for _ in range(3)] == [1, 2, 3]


def test_an_error_is_told_in_the_daemon_s_words(server: tuple[str, list[bytes]]) -> None:
    host, answers = server
    answers.append(answer(b'{"message":"No such container: x"}', status=b"404 Not Found"))
    with Client(parse_address(host), version="1.41") as client, pytest.raises(Refused) as caught:
        client.get("/x")
    assert caught.value.status == 404
    assert str(caught.value) == "Error response from daemon: No such container: x"


def test_nobody_there() -> None:
    with (
        Client(parse_address("unix:///nowhere/x.sock")) as client,
        pytest.raises(CannotConnect, match="unix:///nowhere"),
    ):
        client.get("/x")
