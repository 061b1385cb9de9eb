"""Both directions of a session at once, against a container that answers while it is still being sent to."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wharf.client.connection import Connection

SIZE = 8 << 20
PROGRAM = """\
import sys, socket
from wharf.cli.session import Session
from wharf.client.connection import Connection
connection = Connection(socket.socket(fileno=int(sys.argv[1])))
connection._early = b"early "
session = Session(connection, stdin=True, tty=sys.argv[2] == "tty")
sys.exit(0 if session.run() and not session.error else 1)
"""


def serve_echo(peer: socket.socket, *, framed: bool) -> None:
    """Sends back what comes, at once, and blocks while nobody takes it."""
    with peer:
        while piece := peer.recv(65536):
            head = bytes([1, 0, 0, 0]) + len(piece).to_bytes(4, "big") if framed else b""
            peer.sendall(head + piece)


def run_session(mode: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    ours, theirs = socket.socketpair()
    echo = threading.Thread(target=serve_echo, args=(theirs,), kwargs={"framed": mode == "frames"})
    echo.start()
    with ours:
        program = PROGRAM if mode == "tty" else PROGRAM.replace('b"early "', 'b"\\x02\\0\\0\\0\\0\\0\\0\\x03err"')
        done = subprocess.run(
            [sys.executable, "-c", program, str(ours.fileno()), mode],
            input=data,
            capture_output=True,
            pass_fds=[ours.fileno()],
            timeout=60,
            check=False,
        )
    echo.join(5)
    return done


@pytest.mark.parametrize("mode", ["tty", "frames"])
def test_what_is_sent_comes_back_whole(mode: str) -> None:
    data = os.urandom(SIZE)
    done = run_session(mode, data)
    assert done.returncode == 0, done.stderr
    early = b"early " if mode == "tty" else b""
    assert done.stdout == early + data
    assert done.stderr == (b"" if mode == "tty" else b"err")


def test_an_empty_stdin_ends_at_once() -> None:
    assert run_session("tty", b"").stdout == b"early "


def test_a_file_can_be_stdin(tmp_path: Path) -> None:
    """Files and /dev/null are always ready, and epoll would refuse them."""
    ours, theirs = socket.socketpair()
    echo = threading.Thread(target=serve_echo, args=(theirs,), kwargs={"framed": False})
    echo.start()
    path = tmp_path / "in"
    path.write_bytes(b"from a file")
    with ours, path.open("rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(ours.fileno()), "tty"],
            stdin=stdin,
            capture_output=True,
            pass_fds=[ours.fileno()],
            timeout=60,
            check=True,
        )
    echo.join(5)
    assert done.stdout == b"early from a file"


def test_a_connection_is_closed_once() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    connection.close()
    connection.close()
    with theirs:
        assert theirs.recv(1) == b""
