"""An image's passwd may hold anything: it is read up to a size."""

import io
import tarfile

from harness.engine import API
from harness.wharfd import Wharfd


def with_passwd(wharfd: Wharfd, text: bytes) -> str:
    id = wharfd.docker("create", "--user", "last", "busybox", "id", "-u").text
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    answer = wharfd.request("PUT", f"{API}/containers/{id}/archive?path=/", archive.getvalue())
    assert answer.status == 200, answer.body
    return id


def test_a_large_file_is_read(wharfd: Wharfd) -> None:
    last = b"last:x:1234:1234::/:/bin/sh\n"
    line = b"a:b:0:0\n"
    id = with_passwd(wharfd, line * (((1 << 20) - len(last)) // len(line)) + last)
    assert wharfd.docker("start", "-a", id).text == "1234"


def test_a_file_that_is_too_large_is_told(wharfd: Wharfd) -> None:
    id = with_passwd(wharfd, b"\n" * ((1 << 20) + 1))
    refused = wharfd.docker("start", id, check=False)
    assert "cannot read /etc/passwd" in refused.error
    assert "File too large" in refused.error
