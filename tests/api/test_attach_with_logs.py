"""attach with logs: what was written comes first, then what is written, and nothing is missing in between."""

import re
import socket
from pathlib import Path

from harness.engine import API
from harness.wharfd import Wharfd

LINES = 60_000


def attached(wharfd: Wharfd, id: str, told: Path) -> bytes:
    """All that an attachment with logs reads until the container ends, which it may once the file is there."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(wharfd.socket))
        request = f"POST {API}/containers/{id}/attach?logs=1&stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
        client.sendall(f"{request}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode())
        got = bytearray()
        while data := client.recv(1 << 16):
            got += data
            told.touch()
    return bytes(got)


def test_no_line_is_lost_between_the_log_and_what_comes(wharfd: Wharfd, tmp_path: Path) -> None:
    script = f"i=0; while [ $i -lt {LINES} ] || ! [ -e /go/now ]; do echo line-$i-; i=$((i+1)); done; echo $i lines"
    id = wharfd.docker("run", "-d", "-v", f"{tmp_path}:/go", "busybox", "sh", "-c", script).text
    got = attached(wharfd, id, tmp_path / "now")
    count = re.search(rb"(\d+) lines", got)
    assert count is not None
    assert {int(number) for number in re.findall(rb"line-(\d+)-", got)} == set(range(int(count[1])))


def test_without_stream_only_the_log_is_read(wharfd: Wharfd) -> None:
    id = wharfd.docker("run", "-d", "busybox", "sh", "-c", "echo before; sleep 1000").text
    while wharfd.docker("logs", id).text != "before":
        pass
    answer = wharfd.request("POST", f"{API}/containers/{id}/attach?logs=1&stdout=1")
    assert answer.body.endswith(b"before\n")
