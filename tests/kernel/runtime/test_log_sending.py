"""Receivers that are slow, go, come back, never were, or ask for TLS: what the queue of a shim does."""

import _socket
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trustme

from harness.engine import wait_until
from harness.receivers import Datagrams, Streams
from wharf.runtime.contract import Log, LogReceiver, Retry, Tls
from wharf.runtime.log_message import log_message
from wharf.runtime.shim.logfile import NoLog
from wharf.runtime.shim.logs import Output, open_output
from wharf.runtime.shim.loop import Loop
from wharf.runtime.shim.remote.connecting import first_connection
from wharf.runtime.shim.remote.links import JournalLink

pytestmark = pytest.mark.kernel

SYSLOG = {"format": "", "facility": 3, "tag": "t", "hostname": "h", "counted": False}
FLUENTD = {"tag": "t", "fields": {}, "precise": False, "receipts": True}


class Sending:
    """A receiver's settings, an output and the loop that it lives in."""

    def __init__(self, network: Any, address: str, *, buffer: int | None = None, driver: Any = "syslog", **more: Any):
        settings = SYSLOG if driver == "syslog" else FLUENTD
        receiver = LogReceiver(driver, network, address, more.pop("settings", settings), **more)
        self.log = log_message(Log(receiver=receiver, buffer=buffer))
        self.loop = Loop()
        self.rooms = 0
        connection = first_connection(self.log["remote"])
        own = {} if connection is None else {"remote": connection.detach()}
        output = open_output(self.log, own, self.loop, self._room)
        assert output is not None
        self.output: Output = output

    def _room(self) -> None:
        self.rooms += 1

    def say(self, text: bytes) -> None:
        self.output.write(1, text)

    def until(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        """Lives until something holds."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, "in vain"
            self.loop.turn(time.monotonic() + 0.01)


def test_a_receiver_that_is_slow_holds_back_the_container_and_loses_nothing() -> None:
    with Streams() as receiver:
        receiver.reading.clear()
        sending = Sending("tcp", f"127.0.0.1:{receiver.port}")
        sent = 0
        while not sending.output.is_full:
            sending.say(b"%07d %s\n" % (sent, b"x" * 900))
            sent += 1
            assert sent < 100_000
        assert not sending.output.is_idle and sending.rooms == 0
        receiver.reading.set()
        sending.until(lambda: sending.output.is_idle)
        assert sending.rooms >= 1 and sending.output.lost == 0
        sending.until(lambda: receiver.all.count(b"\n") == sent)
        assert [line.split()[-2] for line in receiver.all.splitlines()] == [b"%07d" % number for number in range(sent)]


def test_where_logging_must_not_hold_back_the_newest_is_lost_and_counted() -> None:
    with Streams() as receiver:
        receiver.reading.clear()
        sending = Sending("tcp", f"127.0.0.1:{receiver.port}", buffer=100_000)
        for number in range(30_000):
            sending.say(b"%07d %s\n" % (number, b"x" * 900))
            assert not sending.output.is_full
        lost = sending.output.lost // 908
        assert 0 < lost < 30_000
        receiver.reading.set()
        sending.until(lambda: sending.output.is_idle)
        sending.until(lambda: receiver.all.count(b"\n") == 30_000 - lost)
        numbers = [int(line.split()[-2]) for line in receiver.all.splitlines()]
        assert numbers == sorted(set(numbers)) and numbers[:100] == list(range(100)) and numbers[-1] < 29_999


def test_a_receiver_that_goes_is_found_again_and_the_container_goes_on() -> None:
    receiver = Streams()
    sending = Sending("tcp", f"127.0.0.1:{receiver.port}", retry=Retry(0.1))
    sending.say(b"first\n")
    sending.until(lambda: b"first" in receiver.all)
    receiver.close()
    for number in range(2000):
        sending.say(b"%05d %s\n" % (number, b"x" * 900))  # more than there is room for
        sending.loop.turn(0.0)
        assert not sending.output.is_full
    assert sending.output.lost > 0
    with Streams(port=receiver.port) as later:
        sending.until(lambda: sending.output.is_idle)
        sending.say(b"last\n")
        sending.until(lambda: b": last\n" in later.all)
        assert b" 00500 " in later.all and b" 01999 " not in later.all


def test_a_receiver_that_comes_later_gets_all_that_there_was_room_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sending = Sending("tcp", f"127.0.0.1:{port}", driver="fluentd", lazy=True, drops=True, retry=Retry(0.1), most=3)
    for word in (b"one", b"two", b"three", b"four"):
        sending.say(word + b"\n")
    assert sending.output.lost == 4
    with Streams(port=port, answer=acknowledge) as receiver:
        sending.until(lambda: sending.output.is_idle)
        assert [word in receiver.all for word in (b"one", b"two", b"three", b"four")] == [True, True, True, False]


def test_attempts_that_are_counted_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sending = Sending("tcp", f"127.0.0.1:{port}", lazy=True, retry=Retry(0.05, grows=False, times=2))
    sending.say(b"lost\n")
    sending.until(lambda: sending.output.is_idle)
    assert sending.output.lost == len(b"lost")
    with Streams(port=port) as receiver:
        sending.say(b"next\n")
        sending.until(lambda: b": next\n" in receiver.all)
        assert b"lost" not in receiver.all


def acknowledge(data: bytes) -> bytes:
    start = data.rfind(b"\xa5chunk\xb8")
    return b"\x81\xa3ack\xb8" + data[start + 7 : start + 31] if start >= 0 else b""


def test_what_was_not_acknowledged_is_sent_again() -> None:
    deaf = Streams()
    sending = Sending("tcp", f"127.0.0.1:{deaf.port}", driver="fluentd", retry=Retry(0.1))
    sending.say(b"one\ntwo\n")
    sending.until(lambda: b"one" in deaf.all)
    for _ in range(5):
        sending.loop.turn(time.monotonic() + 0.01)
    assert b"two" not in deaf.all, "sent before the first was acknowledged"
    deaf.close()
    with Streams(port=deaf.port, answer=acknowledge) as receiver:
        sending.until(lambda: sending.output.is_idle)
        assert receiver.all.count(b"\xa3log\xa3one") == 1 and receiver.all.count(b"\xa3log\xa3two") == 1


def test_datagrams_to_nobody_hold_back_nobody() -> None:
    with Datagrams() as gone:
        pass
    sending = Sending("udp", f"127.0.0.1:{gone.port}")
    for number in range(100):
        sending.say(b"%d\n" % number)
    assert sending.output.is_idle


def test_a_daemon_of_this_host_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Datagrams(path=path) as first:
        sending = Sending("unixgram", str(path), retry=Retry(0.1))
        sending.say(b"one\n")
        first.wait_for(1)
    path.unlink()
    sending.say(b"two\n")
    with Datagrams(path=path) as second:
        sending.until(lambda: bool(second.got))
        assert second.got[0].endswith(b": two\n")


@pytest.mark.parametrize(
    ("network", "address", "words"),
    [
        ("tcp", "127.0.0.1:1", "dial tcp 127.0.0.1:1: connect: connection refused"),
        ("tcp", "[::1]:1", r"dial tcp \[::1\]:1: connect: "),
        ("tcp", "no-such-host.invalid:1", "dial tcp: lookup no-such-host.invalid: no such host"),
        ("unix", "/nosuch", "dial unix /nosuch: connect: no such file or directory"),
    ],
)
def test_why_a_start_fails(network: str, address: str, words: str) -> None:
    with pytest.raises(NoLog, match=words):
        Sending(network, address)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a key and certificate of it for localhost."""
    place = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(place / "ca")
    issued.private_key_pem.write_to_path(place / "key")
    issued.cert_chain_pems[0].write_to_path(place / "cert")
    return place


def test_tls(certificates: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / "cert", certificates / "key")
    server.load_verify_locations(certificates / "ca")
    server.verify_mode = ssl.CERT_REQUIRED

    def wrap(connection: socket.socket) -> socket.socket:
        return server.wrap_socket(connection, server_side=True)

    ours = Tls(str(certificates / "ca"), str(certificates / "cert"), str(certificates / "key"))
    with Streams(wrap=wrap) as receiver:
        sending = Sending("tls", f"localhost:{receiver.port}", tls=ours)
        total = 3000
        for number in range(total):
            sending.say(b"%05d %s\n" % (number, b"x" * 500))
            sending.loop.turn(0.0)
        sending.until(lambda: sending.output.is_idle)
        sending.until(lambda: receiver.all.count(b"\n") == total)
        assert sending.output.lost == 0
        with pytest.raises(NoLog, match=r"tls: .*certificate verify failed"):
            Sending("tls", f"localhost:{receiver.port}", tls=Tls())
        with pytest.raises(NoLog, match='could not read CA certificate "/nosuch": no such file'):
            Sending("tls", f"localhost:{receiver.port}", tls=Tls("/nosuch"))
        with pytest.raises(NoLog, match="Could not load X509 key pair: no such file"):
            Sending("tls", f"localhost:{receiver.port}", tls=Tls(cert="/nosuch", verify=False))


def _be_shim(port: int, certificates: Path) -> NoReturn:
    try:
        sending = Sending("tls", f"localhost:{port}", tls=Tls(str(certificates / "ca")))
        sending.say(b"one\n" + b"x" * 16000 + b"\ntail\n")
        sending.until(lambda: sending.output.is_idle)
    finally:
        os._exit(0)


def test_the_end_of_a_shim_takes_nothing_back(certificates: Path) -> None:
    """It has not read the tickets that a receiver sends: then the end of a connection drops what is on its way."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / "cert", certificates / "key")
    with Streams(wrap=lambda connection: server.wrap_socket(connection, server_side=True)) as receiver:
        receiver.reading.clear()
        for number in range(1, 6):
            if (shim := os.fork()) == 0:
                _be_shim(receiver.port, certificates)
            os.waitpid(shim, 0)
            receiver.reading.set()
            wait_until(lambda count=number: receiver.all.count(b"tail\n") == count, "all has arrived")
            receiver.reading.clear()


def test_what_is_too_large_for_a_datagram_goes_to_journald_as_sealed_memory(tmp_path: Path) -> None:
    from collections import deque

    with Datagrams(path=tmp_path / "socket") as receiver:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        connection.connect(str(tmp_path / "socket"))
        link = JournalLink(connection)
        large = b"MESSAGE=" + b"x" * 1_000_000 + b"\n"
        link.send(deque([b"MESSAGE=small\n", large]))
        assert receiver.wait_for(2) == [b"MESSAGE=small\n", large]
        link.close()
