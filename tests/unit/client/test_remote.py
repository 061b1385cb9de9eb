"""Daemons that are far away: mutual TLS, and ssh."""

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from wharf.client.address import TLSFiles, parse_address
from wharf.client.client import Client
from wharf.client.connection import READ_SIZE
from wharf.errors import InvalidArgument, Unavailable

CLOSE_WRITING = 1
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


def read_head(peer: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = peer.recv(65536)
        if not piece:
            return data
        data += piece
    return data


def answer_once(peer: socket.socket) -> None:
    """A greeting for GET; for POST a stream that comes back reversed when the client has closed its side."""
    if read_head(peer).startswith(b"GET"):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[42]")
        return
    peer.sendall(UPGRADED)
    data = b""
    while piece := peer.recv(65536):
        data += piece
    peer.sendall(data[::-1])


@pytest.fixture
def serve() -> Iterator[Callable[[socket.socket, ssl.SSLContext | None], None]]:
    """Serves connections on a listener, each with answer_once(), until the test ends."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def loop(listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(peer, server_side=True) if context else peer as secured:
                    answer_once(secured)
            except OSError:
                peer.close()  # a client that we do not trust, or that does not trust us

    def start(listener: socket.socket, context: ssl.SSLContext | None) -> None:
        listener.listen()
        listeners.append(listener)
        threads.append(threading.Thread(target=loop, args=(listener, context)))
        threads[-1].start()

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def port(authority: trustme.CA, serve: Callable[[socket.socket, ssl.SSLContext | None], None]) -> int:
    """Where a server listens that demands certificates of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    serve(listener, context)
    number: int = listener.getsockname()[1]
    return number


def files(place: Path, authority: trustme.CA, signer: trustme.CA) -> TLSFiles:
    """What a client has that trusts `authority` and was certified by `signer`."""
    mine = signer.issue_cert("client")
    authority.cert_pem.write_to_path(str(place / "ca.pem"))
    mine.private_key_pem.write_to_path(str(place / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(place / "cert.pem"))
    return TLSFiles(str(place / "ca.pem"), str(place / "cert.pem"), str(place / "key.pem"), verify=True)


def client_of(port: int, tls: TLSFiles | None) -> Client:
    address = parse_address(f"tcp://localhost:{port}", tls=True)
    address.tls = tls
    return Client(address, version="1.54")


def test_both_sides_show_certificates(tmp_path: Path, authority: trustme.CA, port: int) -> None:
    with client_of(port, files(tmp_path, authority, authority)) as client:
        assert client.get("/x") == [42]


def test_a_stream_is_closed_in_one_direction_only(tmp_path: Path, authority: trustme.CA, port: int) -> None:
    with client_of(port, files(tmp_path, authority, authority)) as client:
        _, connection = client.hijack("/x")
        with closing(connection):
            connection.socket.sendall(b"abc" * 100_000)
            connection.socket.shutdown(CLOSE_WRITING)
            connection.socket.setblocking(True)
            data = b""
            while piece := connection.socket.recv(READ_SIZE):
                data += piece
    assert data == b"cba" * 100_000


def test_a_server_of_another_authority_is_refused(tmp_path: Path, authority: trustme.CA, port: int) -> None:
    strange = trustme.CA()
    with (
        client_of(port, files(tmp_path, strange, authority)) as client,
        pytest.raises(Unavailable, match="certificate"),
    ):
        client.get("/x")


def test_a_client_without_our_certificate_is_refused(tmp_path: Path, authority: trustme.CA, port: int) -> None:
    with client_of(port, files(tmp_path, authority, trustme.CA())) as client, pytest.raises(Unavailable):
        client.get("/x")


def test_a_broken_certificate_is_named(tmp_path: Path, authority: trustme.CA, port: int) -> None:
    found = files(tmp_path, authority, authority)
    Path(found.cert).write_text("nothing")
    with client_of(port, found) as client, pytest.raises(InvalidArgument, match="unable to resolve docker endpoint"):
        client.get("/x")


def test_ssh_leads_to_the_socket_on_the_far_host(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[socket.socket, ssl.SSLContext | None], None],
) -> None:
    """`ssh` is a script here that runs the far end on this host, and notes what it was asked for."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    serve(listener, None)
    program = tmp_path / "ssh"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n'
        f"exec {sys.executable} -m wharf.cli.main -H unix://{tmp_path}/s system dial-stdio\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with Client(parse_address("ssh://me@far:2222"), version="1.54") as client:
        assert client.get("/x") == [42]
    assert (tmp_path / "asked").read_text().startswith("-l me -p 2222 ")
    with Client(parse_address("ssh://far"), version="1.54") as client:
        _, connection = client.hijack("/x")
        with closing(connection):
            connection.socket.sendall(b"abc")
            connection.socket.shutdown(CLOSE_WRITING)
            assert connection.socket.recv(READ_SIZE) == b"cba"
