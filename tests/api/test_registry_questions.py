"""What clients ask of registries without pulling, and what this engine has not, from outside."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.engine import missing
from harness.registry import Registry
from harness.wharfd import Wharfd


def test_an_image_at_a_registry(wharfd: Wharfd, busybox_archive: bytes, tmp_path: Path) -> None:
    if lacking := missing(["docker-registry", "skopeo"]):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    archive = tmp_path / "busybox.tar"
    archive.write_bytes(busybox_archive)
    with Registry(wharfd.network, tmp_path, "127.0.0.1:5007") as registry:
        name = registry.push(archive, "box:1")
        found = wharfd.request("GET", f"/distribution/{name}/json").json
        told = wharfd.network.run(
            "skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}"
        )
        assert found["Descriptor"]["digest"] == told.strip() and found["Descriptor"]["size"] > 0
        assert found["Descriptor"]["mediaType"].startswith("application/vnd.")
        (platform,) = found["Platforms"]
        assert platform["os"] == "linux" and platform["architecture"]
        absent = wharfd.request("GET", f"/distribution/{registry.address}/box:2/json")
        assert absent.status == 404 and "manifest unknown" in absent.message


def test_a_search_without_a_way_to_the_registry(wharfd: Wharfd) -> None:
    """The test's network namespace leads nowhere."""
    found = wharfd.docker("search", "127.0.0.1:1/box", check=False)
    assert found.code == 1 and "connection refused" in found.error
    assert wharfd.request("GET", "/images/search?term=box&limit=1000").status == 400
    filters = quote(json.dumps({"colour": ["red"]}))
    assert "invalid filter" in wharfd.request("GET", f"/images/search?term=box&filters={filters}").message


def test_no_swarm(wharfd: Wharfd) -> None:
    for noun in ("node", "service", "secret", "config"):
        refused = wharfd.docker(noun, "ls", check=False)
        assert refused.code == 1 and "This node is not a swarm manager" in refused.error
    assert wharfd.docker("info", "--format", "{{.Swarm.LocalNodeState}}").text == "inactive"


def test_rubbish_is_no_image(wharfd: Wharfd) -> None:
    answer = wharfd.docker("load", input=b"this is no archive, whatever its name says" * 100, check=False)
    assert answer.code == 1 and "b'" not in answer.error and "invalid tar header" in answer.error


def test_members_of_each_version(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd()  # no image shares layers with another
    wharfd.docker("create", "--name", "box", "busybox", "true")
    old, new = (wharfd.request("GET", f"/v1.{minor}/containers/box/json").json for minor in (41, 54))
    assert (old["HostConfig"]["NetworkMode"], new["HostConfig"]["NetworkMode"]) == ("default", "bridge")
    old, new = (wharfd.request("GET", f"/v1.{minor}/images/json?shared-size=1").json[0] for minor in (41, 54))
    assert (old["Containers"], new["Containers"], new["SharedSize"]) == (-1, 1, 0)
    old, new = (wharfd.request("GET", f"/v1.{minor}/info").json for minor in (41, 54))
    assert "BridgeNfIptables" in old and "FirewallBackend" not in old
    assert "BridgeNfIptables" not in new and "FirewallBackend" in new
    wrong = {"Image": "busybox", "MacAddress": "02:42"}
    assert wharfd.request("POST", "/v1.43/containers/create", wrong).status == 400
    assert wharfd.request("POST", "/v1.54/containers/create", wrong).status == 201  # it has no such member any more
