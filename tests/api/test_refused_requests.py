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


def test_driver_options_of_an_endpoint_are_not_ignored(wharfd: Wharfd) -> None:
    settings = {"EndpointsConfig": {"bridge": {"DriverOpts": {"com.docker.network.endpoint.ifname": "lan0"}}}}
    answer = create(wharfd, NetworkingConfig=settings)
    assert answer.status == 501
    assert "com.docker.network.endpoint.ifname" in answer.message
