"""Our table against the operations of the Docker Engine API 1.54."""

import re
from collections import Counter
from pathlib import Path

import pytest

from wharf.api.router import Router
from wharf.api.routes import build, checkpoints, images, swarm
from wharf.api.routes.table import operations

Operation = tuple[str, str]


def real_operations() -> dict[Operation, str]:
    """Method and path, with all names in braces made equal → section."""
    found = {}
    for line in (Path(__file__).parent / "operations.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            section, method, path = line.split()
            found[method, plain(path)] = section
    return found


def plain(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def ours() -> set[Operation]:
    return {(operation.method, plain(operation.path)) for operation in operations()}


def refused() -> set[Operation]:
    """What is found only to be refused in the right words."""
    handlers = (
        build.no_build,
        images.no_push,
        checkpoints.not_experimental,
        swarm.no_manager,
        swarm.no_member,
        swarm.no_clusters,
    )
    return {(one.method, plain(one.path)) for one in operations() if one.handler in handlers}


#: What we offer beyond Docker: each is described in docs/guide/extensions.md.
EXTENSIONS = {
    ("DELETE", "/containers/{}/logs"),
    ("POST", "/containers/{}/edit"),
    ("POST", "/networks/check"),
    ("POST", "/volumes/{}/rename"),
    ("POST", "/volumes/{}/clone"),
    ("GET", "/volumes/{}/export"),
    ("POST", "/volumes/{}/import"),
}


def test_we_offer_no_operation_that_does_not_exist() -> None:
    experimental = {one for one in refused() if "checkpoints" in one[1]}  # dockerd has them, its document has not
    assert ours() - EXTENSIONS - experimental <= set(real_operations())
    assert ours() >= EXTENSIONS


def test_no_operation_is_listed_twice() -> None:
    twice = [one for one, count in Counter((o.method, plain(o.path)) for o in operations()).items() if count > 1]
    assert not twice


def test_print_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Always passes: shows, section by section, what the engine does not offer yet."""
    real = real_operations()
    missing = sorted((real[one], *one) for one in real.keys() - (ours() - refused()))
    with capsys.disabled():
        print(f"\nDocker Engine API 1.54: {len(real) - len(missing)} of {len(real)} operations; missing:")
        for section in sorted({line[0] for line in missing}):
            print(f"  {section}: " + ", ".join(f"{m} {p}" for s, m, p in missing if s == section))


def test_each_operation_is_found_by_its_own_path() -> None:
    router = Router(operations())
    for operation in operations():
        path = re.sub(r"\{\w+\}", "some/name", operation.path)
        found = router.find(operation.method, f"/v1.54{path}?x=1".encode())
        assert getattr(found, "operation", None) == operation, path
