"""attach with logs: what was written comes first, then what is written, and nothing is missing in between."""

import re
import socket

from harness.engine import API
from harness.wharfd import Wharfd

LINES = 60_000


def attached(wharfd: Wharfd, id: str) -> bytes:
    """All that an attachment with logs reads until the container ends."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(wharfd.socket))
        request = f"POST {API}/containers/{id}/attach?logs=1&stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
        client.sendall(f"{request}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode())
        got = bytearray()
        while data := client.recv(1 << 16):
            got += data
    return bytes(got)


def test_no_line_is_lost_between_the_log_and_what_comes(wharfd: Wharfd) -> None:
    script = f"i=0; while [ $i -lt {LINES} ]; do echo line-$i-; i=$((i+1)); done"
    id = wharfd.docker("run", "-d", "busybox", "sh", "-c", script).text
    found = [int(number) for number in re.findall(rb"line-(\d+)-", attached(wharfd, id))]
    assert sorted(set(found)) == list(range(LINES))


def test_without_stream_only_the_log_is_read(wharfd: Wharfd) -> None:
    id = wharfd.docker("run", "-d", "busybox", "sh", "-c", "echo before; sleep 1000").text
    while wharfd.docker("logs", id).text != "before":
        pass
    answer = wharfd.request("POST", f"{API}/containers/{id}/attach?logs=1&stdout=1")
    assert answer.body.endswith(b"before\n")
