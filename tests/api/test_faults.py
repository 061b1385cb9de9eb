"""Bad input and faults: a clear message of dockerd's form and status, and nothing half-made left."""

import json
import shutil
from collections.abc import Callable

import pytest

from harness import images
from harness.engine import API, wait_until
from harness.wharfd import Wharfd


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/containers/none/json", 404, "No such container: none"),
        ("POST", "/containers/none/start", 404, "No such container: none"),
        ("DELETE", "/containers/none", 404, "No such container: none"),
        ("GET", "/images/none/json", 404, "No such image: none:latest"),
        ("DELETE", "/images/none", 404, "No such image: none:latest"),
        ("GET", "/containers/json?filters={", 400, "invalid filter"),
        ("GET", "/no/such/thing", 404, "page not found"),
    ],
)
def test_what_is_not_there(wharfd: Wharfd, method: str, path: str, status: int, message: str) -> None:
    answer = wharfd.request(method, API + path)
    assert answer.status == status
    assert message in answer.message


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.10", "client version 1.10 is too old. Minimum supported API version is 1.24"),
        ("1.99", "client version 1.99 is too new. Maximum supported API version is 1.54"),
    ],
)
def test_versions_we_do_not_speak(wharfd: Wharfd, version: str, message: str) -> None:
    answer = wharfd.request("GET", f"/v{version}/info")
    assert answer.status == 400
    assert message in answer.message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[]", 400),
        (b'{"Image": 5}', 400),
        (b'{"Image": "none"}', 404),
        (b'{"Image": ""}', 400),
        (b'{"Image": "busybox", "HostConfig": {"Memory": "much"}}', 400),
        (b'{"Image": "busybox", "HostConfig": {"Binds": ["relative:/x:rw:bad"]}}', 400),
    ],
)
def test_bodies_that_make_no_container(wharfd: Wharfd, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = wharfd.request("POST", f"{API}/containers/create", body, headers=headers)
    assert answer.status == status, answer.body
    assert answer.message
    assert wharfd.docker("ps", "-aq").text == ""


def test_a_body_that_is_too_large(wharfd: Wharfd) -> None:
    body = json.dumps({"Image": "busybox", "Env": ["x" * (20 << 20)]}).encode()
    answer = wharfd.request("POST", f"{API}/containers/create", body, headers={"Content-Type": "application/json"})
    assert answer.status == 413


def test_a_client_that_goes_away_in_mid_stream(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "yes")
    for path in ("logs?follow=1&stdout=1", "attach?stream=1&stdout=1"):
        method = "GET" if path.startswith("logs") else "POST"
        with wharfd.connect() as sock:
            sock.sendall(
                f"{method} {API}/containers/box/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
            )
            assert sock.recv(4096)
    assert wharfd.state("box")["Running"]
    assert wharfd.answers()


def test_a_failed_start_leaves_nothing(wharfd: Wharfd) -> None:
    ran = wharfd.docker("run", "--name", "box", "-p", "8090:80", "busybox", "no-such-program", check=False)
    assert ran.code == 127
    assert "executable file not found in $PATH" in ran.error
    assert wharfd.state("box")["Status"] == "created"
    assert " 8090 " not in wharfd.nft_elements()
    # What the kernel has not yet taken apart may be another test's.
    wait_until(lambda: not wharfd.cgroups() and not wharfd.veths(), "nothing is left")


@pytest.mark.parametrize("archive", [b"not an archive at all", b"\0" * 10240])
def test_archives_that_are_none(wharfd: Wharfd, archive: bytes) -> None:
    before = wharfd.docker("images", "-aq").text
    assert wharfd.docker("load", input=archive, check=False).code == 1
    assert wharfd.docker("images", "-aq").text == before


def test_a_layer_that_is_not_what_the_image_says(wharfd: Wharfd) -> None:
    good = images.archive("broken:1", [b"a layer"])
    assert wharfd.docker("load", input=good.replace(b"a layer", b"A layer"), check=False).code == 1
    assert "No such image" in wharfd.docker("image", "inspect", "broken:1", check=False).error


def test_no_runtime_on_the_machine(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--add-runtime=gone=/no/such/runtime")
    refused = wharfd.docker("run", "--rm", "--runtime", "gone", "busybox", "true", check=False)
    assert refused.code == 125
    assert "/no/such/runtime" in refused.error
    assert wharfd.docker("run", "--rm", "busybox", "echo", "others work").text == "others work"


def test_without_root_the_socket_is_closed(wharfd: Wharfd) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("not installed: setpriv")
    wharfd.root.chmod(0o755)
    done = wharfd.docker(
        "--reuid=65534", "--regid=65534", "--clear-groups", "docker", "ps", program="setpriv", check=False
    )
    assert done.code == 1
    assert "permission denied" in done.error.lower()
