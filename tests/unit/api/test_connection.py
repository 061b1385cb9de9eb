"""The server's side of HTTP/1.1, from the socket."""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Talk = Callable[..., bytes]
Serve = Callable[[Callable[[Any], Awaitable[Any]]], Any]
Converse = Callable[..., Awaitable[bytes]]


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: d", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *headers, method="POST") + body


def chunked(path: str, *chunks: bytes, headers: tuple[str, ...] = ()) -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return get(path, "Transfer-Encoding: chunked", *headers, method="POST") + framed


def bodies(answer: bytes) -> list[bytes]:
    """The bodies of answers that say their length."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        match = re.search(rb"Content-Length: (\d+)", head)
        length = int(match[1]) if match else 0
        found.append(rest[:length])
        answer = rest[length:]
    return found


SCRIPT = (
    post("/echo", b"first")
    + chunked("/echo", b"sec", b"ond")
    + get("/now")
    + b"\r\n"
    + post("/echo", b"", "Connection: keep-alive")
    + post("/hijack", b"{}", "Upgrade: tcp", "Connection: Upgrade")
    + b"early bytes"
)


def check_script(answer: bytes) -> None:
    answers, _, hijacked = answer.partition(b"HTTP/1.1 101 UPGRADED\r\n")
    assert bodies(answers) == [b"first", b"second", b"now", b""]
    head, _, stream = hijacked.partition(b"\r\n\r\n")
    assert b"Connection: Upgrade\r\nUpgrade: tcp" in head
    assert stream == b"<{}>early bytesbye"


def test_no_byte_is_lost_however_the_input_is_cut_in_two(serve: Serve, converse: Converse) -> None:
    async def scenario(served: Any) -> None:
        for cut in range(len(SCRIPT) + 1):
            check_script(await converse(served, [SCRIPT[:cut], SCRIPT[cut:]]))

    serve(scenario)


def test_no_byte_is_lost_when_each_comes_alone(serve: Serve, converse: Converse) -> None:
    async def scenario(served: Any) -> None:
        check_script(await converse(served, [bytes([byte]) for byte in SCRIPT]))

    serve(scenario)


def test_the_same_under_uvloop(talk: Talk) -> None:
    uvloop = pytest.importorskip("uvloop")
    policy = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        check_script(talk(SCRIPT))
        check_script(talk(*[bytes([byte]) for byte in SCRIPT]))
    finally:
        asyncio.set_event_loop_policy(policy)


@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
def test_hijack_with_a_chunked_body_and_early_bytes(talk: Talk, body: bytes) -> None:
    headers = ("Upgrade: tcp", "Connection: Upgrade")
    answer = talk(chunked("/hijack", *([body] if body else []), headers=headers) + b"early")
    assert answer.endswith(b"<" + body + b">earlybye")


def test_hijack_without_an_upgrade_is_a_raw_200(talk: Talk) -> None:
    answer = talk(post("/hijack", b"b") + b"GET / not http any more")
    head, _, stream = answer.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream"
    assert stream == b"<b>GET / not http any morebye"


def test_output_does_not_come_in_one_packet_with_the_head(serve: Serve) -> None:
    """A client that reads heads through a buffer of its own would lose it."""

    async def scenario(served: Any) -> None:
        reader, writer = await served.connect()
        writer.write(post("/hijack", b"", "Upgrade: tcp", "Connection: Upgrade"))
        first = await reader.read(4096)
        assert first.endswith(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"<>"
        writer.close()

    serve(scenario)


def test_an_upgrade_that_nobody_takes_is_ignored(talk: Talk) -> None:
    answer = talk(get("/now", "Upgrade: h2c", "Connection: Upgrade") + get("/now"))
    assert bodies(answer) == [b"now", b"now"]


def test_half_close_keeps_the_output_flowing(serve: Serve) -> None:
    async def scenario(served: Any) -> bytes:
        reader, writer = await served.connect()
        writer.write(post("/wait"))
        writer.write_eof()
        await asyncio.sleep(0.7)  # longer than the server takes to look for a client that is gone
        served.scene.release.set()
        answer: bytes = await reader.read()
        writer.close()
        return answer

    assert bodies(serve(scenario)) == [b"waited"]


def test_many_pipelined_requests_are_answered_in_order(talk: Talk) -> None:
    count = 2000
    answer = talk(b"".join(post("/echo", str(n).encode()) if n % 3 else get("/now") for n in range(count)))
    assert bodies(answer) == [str(n).encode() if n % 3 else b"now" for n in range(count)]


def test_100_continue_is_sent_once_the_body_is_wanted(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        reader, writer = await served.connect()
        writer.write(get("/echo", "Content-Length: 4", "Expect: 100-continue", method="POST"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.close()

    serve(scenario)


def test_a_refusal_needs_no_body_and_asks_for_none(serve: Serve) -> None:
    async def scenario(served: Any) -> bytes:
        reader, writer = await served.connect()
        writer.write(get("/ignore", "Content-Length: 4", "Expect: 100-continue", method="POST"))
        answer: bytes = await reader.read()  # the server closes: what comes next could be body or request
        writer.close()
        return answer

    answer = serve(scenario)
    assert answer.startswith(b"HTTP/1.1 409 Conflict") and b"Connection: close" in answer
    assert bodies(answer) == [b'{"message":"not now"}\n']


def test_a_body_that_nobody_reads_does_not_destroy_the_answer(talk: Talk) -> None:
    answer = talk(post("/ignore", bytes(3_000_000)))
    assert answer.startswith(b"HTTP/1.1 409 Conflict")


def test_too_large_a_json_body_is_refused(talk: Talk) -> None:
    answer = talk(chunked("/echo", *[bytes(65536)] * 20))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET /now HTTP/1.1\r\n\r\n", 400),
        (b"GET /now HTTP/2.0\r\nHost: d\r\n\r\n", 505),
        (b"GET /now HTTP/1.1\r\nHost: d\r\nHost: e\r\n\r\n", 400),
        (b"GET /now HTTP/1.1\nHost: d\n\nGET /now HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nHost: d\r\nExpect: the-impossible\r\nContent-Length: 1\r\n\r\n", 417),
        (b"GET /now HTTP/1.1\r\nHost: d\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /now HTTP/1.1\r\nHost: d\r\n" + b"X: a\r\n" * 20_000 + b"\r\n", 431),
        (b"GET /%zz HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"FOO /now HTTP/1.1\r\nHost: d\r\n\r\n", 404),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(talk: Talk, request_bytes: bytes, status: int) -> None:
    answer = talk(request_bytes + get("/now"), end=False)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\na\r\n", b"1\r\nab\r\n", b"1\nab", b"f" * 20 + b"\r\n", b"\r\n"])
def test_broken_chunks_are_told_and_end_the_connection(talk: Talk, chunk: bytes) -> None:
    answer = talk(get("/echo", "Transfer-Encoding: chunked", method="POST") + chunk + get("/now"))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request") and b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_unknown_paths_and_methods_are_pages_not_found(talk: Talk) -> None:
    answer = talk(get("/nope") + get("/now", method="DELETE") + get("/v1.54/nope"))
    assert bodies(answer) == [b'{"message":"page not found"}\n'] * 3
    assert answer.count(b"HTTP/1.1 404 Not Found\r\n") == 3


@pytest.mark.parametrize(
    ("prefix", "status", "message"),
    [
        ("/v1.24", 200, ""),
        ("/v1.54", 200, ""),
        ("/v1.41.0", 200, ""),
        ("/v1.23", 400, "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade"),
        ("/v1.10", 400, "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade"),
        ("/v1", 400, "client version 1 is too old"),
        ("/v1.55", 400, "client version 1.55 is too new. Maximum supported API version is 1.54"),
        ("/v2.0", 400, "client version 2.0 is too new. Maximum supported API version is 1.54"),
        ("/vx", 404, "page not found"),
    ],
)
def test_versions(talk: Talk, prefix: str, status: int, message: str) -> None:
    answer = talk(get(prefix + "/now"))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert message.encode() in answer


def test_an_operation_exists_since_its_version(talk: Talk) -> None:
    assert talk(get("/v1.39/since/x")).startswith(b"HTTP/1.1 404 ")
    assert talk(get("/v1.40/since/x")).startswith(b"HTTP/1.1 200 ")


def test_every_answer_has_the_headers_of_an_engine(talk: Talk) -> None:
    answer = talk(get("/now") + get("/nope") + get("/bug") + get("/stream"))
    for header in (b"Api-Version: 1.54", b"Docker-Experimental: false", b"Ostype: linux", b"Server: Wharf/"):
        assert answer.count(header) == 4


def test_head_has_no_body(talk: Talk) -> None:
    assert talk(get("/now", method="HEAD")).endswith(b"Content-Length: 3\r\n\r\n")


def test_a_bug_keeps_its_text_to_itself(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    answer = talk(get("/bug") + get("/now"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert json.loads(bodies(answer)[0]) == {"message": "internal error (see the daemon's log)"}
    assert b"secret" not in answer and "secret" in caplog.text


def test_http_1_0_gets_no_chunks_and_a_close(talk: Talk) -> None:
    answer = talk(get("/stream", version="1.0") + get("/now", version="1.0"), end=False)
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n") and answer.endswith(b"\r\n\r\nonetwo")


def test_connection_close_is_respected(talk: Talk) -> None:
    answer = talk(get("/now", "Connection: close") + get("/now"), end=False)
    assert bodies(answer) == [b"now"] and b"Connection: close\r\n" in answer


def test_a_stream_is_chunked_and_the_connection_lives_on(talk: Talk) -> None:
    answer = talk(get("/stream") + get("/now"))
    first, _, rest = answer.partition(b"0\r\n\r\n")
    assert first.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n") and bodies(rest) == [b"now"]


def test_a_stream_that_fails_before_its_head_has_a_status(talk: Talk) -> None:
    assert talk(get("/stream?fail=first")).startswith(b"HTTP/1.1 409 ")


def test_a_stream_that_fails_later_is_cut(talk: Talk) -> None:
    answer = talk(get("/stream?fail=second") + get("/now"), end=False)
    assert answer.startswith(b"HTTP/1.1 200 ") and not answer.endswith(b"0\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_head_of_a_stream_can_come_at_once(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        reader, writer = await served.connect()
        writer.write(get("/silent"))
        assert b"Transfer-Encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
        served.scene.release.set()
        assert await reader.readexactly(13) == b"3\r\nend\r\n0\r\n\r\n"
        writer.close()

    serve(scenario)


@pytest.mark.parametrize("path", ["/silent", "/wait"])
def test_a_client_that_leaves_cancels_what_only_it_waits_for(serve: Serve, path: str) -> None:
    async def scenario(served: Any) -> None:
        _, writer = await served.connect()
        writer.write(get(path))
        await served.scene.started.wait()
        writer.close()
        await served.scene.cancelled.wait()
        assert not served.server.connections

    serve(scenario)


def test_an_action_once_begun_is_finished_though_the_client_leaves(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        _, writer = await served.connect()
        writer.write(post("/wait"))
        await served.scene.started.wait()
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert not served.scene.cancelled.is_set()

    serve(scenario)


def test_a_slow_reader_stalls_the_stream_not_the_memory(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        reader, writer = await served.connect(buffer=4096)
        writer.write(get("/flood"))
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before < (before := served.scene.produced):  # noqa: ASYNC110 - until it no longer changes
            await asyncio.sleep(0.2)
        assert before < 100
        writer.transport.abort()
        await served.scene.cancelled.wait()

    serve(scenario)


def test_a_client_that_sends_far_ahead_is_not_read(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        reader, writer = await served.connect(buffer=4096)
        writer.write(post("/wait") + get("/now") * 100_000)
        await asyncio.sleep(0.2)
        assert writer.transport.get_write_buffer_size() > 1_000_000
        served.scene.release.set()
        answered = 0
        while answered < 100_001:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(6 if answered == 0 else 3)
            answered += 1
        writer.close()

    serve(scenario)


def test_pipelined_requests_survive_a_half_close_before_their_answers_are_read(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        reader, writer = await served.connect(buffer=4096)
        count = 1000
        writer.write(get("/now") * count)
        writer.write_eof()
        await asyncio.sleep(0.1)
        assert bodies(await reader.read()) == [b"now"] * count
        writer.close()

    serve(scenario)


def test_a_hijacked_client_that_does_not_read_stalls_the_copy(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        reader, writer = await served.connect(buffer=4096)
        writer.write(post("/hijack", b"", "Upgrade: tcp", "Connection: Upgrade"))
        data = bytes(range(256)) * 20_000
        writer.write(data)
        await asyncio.sleep(0.2)
        assert writer.transport.get_write_buffer_size() > 1_000_000
        writer.write_eof()
        answer = await reader.read()
        assert answer.partition(b"\r\n\r\n")[2] == b"<>" + data + b"bye"
        writer.close()

    serve(scenario)


def test_no_output_comes_with_the_head_of_a_hijacked_connection(serve: Serve) -> None:
    """However late the client reads: docker-py throws away what its buffer has got beside the head."""

    async def scenario(served: Any) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        await loop.connect_accepted_socket(served.server.protocol_factory, theirs)
        await loop.sock_sendall(ours, post("/hijack", b"body", "Upgrade: tcp", "Connection: Upgrade"))
        await asyncio.sleep(0.1)
        with ours:
            assert (await loop.sock_recv(ours, 65536)).endswith(b"\r\n\r\n")
            assert await loop.sock_recv(ours, 65536) == b"<body>"

    serve(scenario)


def test_close_lets_the_running_end_and_cuts_the_rest(serve: Serve) -> None:
    async def scenario(served: Any) -> None:
        _, idle = await served.connect()
        reader, writer = await served.connect()
        writer.write(post("/wait"))
        await served.scene.started.wait()
        closing = asyncio.create_task(served.server.close(grace=5))
        await asyncio.sleep(0.05)
        served.scene.release.set()
        answer = await reader.read()
        assert bodies(answer) == [b"waited"]
        await closing
        assert not served.server.connections
        for one in (idle, writer):
            one.close()

    serve(scenario)


def test_the_date_is_an_http_date(serve: Serve) -> None:
    async def scenario(served: Any) -> bytes:
        reader, writer = await served.connect()
        writer.write(get("/now"))
        head: bytes = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return head

    assert re.search(rb"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n", serve(scenario))
