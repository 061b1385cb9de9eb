"""Requests that name what cannot be."""

from typing import Any

import pytest

from harness.engine import API, Answer
from harness.wharfd import Wharfd


def create(wharfd: Wharfd, **body: Any) -> Answer:
    return wharfd.request("POST", f"{API}/containers/create", {"Image": "busybox", **body})


@pytest.mark.parametrize(
    ("image", "status", "message"),
    [
        ("BUSY", 400, "invalid reference format: repository name must be lowercase"),
        ("busybox:", 400, "invalid reference format"),
        ("-x", 400, "invalid reference format"),
        ("none", 404, "No such image: none:latest"),
        ("none:1", 404, "No such image: none:1"),
        ("a" * 64, 404, f"No such image: {'a' * 64}"),
        (f"sha256:{'a' * 64}", 404, f"No such image: sha256:{'a' * 64}"),
    ],
)
def test_images_that_are_none(wharfd: Wharfd, image: str, status: int, message: str) -> None:
    answer = create(wharfd, Image=image)
    assert (answer.status, answer.message) == (status, message)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "checkpoints"), ("POST", "checkpoints"), ("DELETE", "checkpoints/one")],
)
def test_checkpoints_are_of_the_experimental_mode_that_we_have_not(wharfd: Wharfd, method: str, path: str) -> None:
    answer = wharfd.request(method, f"{API}/containers/nobody/{path}")
    assert answer.status == 501
    assert answer.message.startswith("This experimental feature is disabled by default.")


def test_a_start_from_a_checkpoint_starts_nothing(wharfd: Wharfd) -> None:
    wharfd.docker("create", "--name", "box", "busybox", "sleep", "1000")
    ran = wharfd.wharf("start", "--checkpoint", "one", "box", check=False)
    assert (ran.code, "checkpoint is only supported in experimental mode" in ran.error) == (1, True)
    assert wharfd.state("box")["Status"] == "created"
    created = wharfd.wharf("checkpoint", "create", "box", "one", check=False)
    assert (created.code, "experimental" in created.error) == (1, True)
