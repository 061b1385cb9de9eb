import json
from typing import Any

import pytest

from wharf.errors import InvalidArgument
from wharf.spec.digest import Digest
from wharf.spec.image_config import chain_ids, format_image_config, parse_image_config
from wharf.spec.manifest import Index, Manifest, parse_manifest

DIGEST = "sha256:" + "a" * 64
DESCRIPTOR = {"mediaType": "m", "digest": DIGEST, "size": 1}


def test_manifest_and_index() -> None:
    manifest = parse_manifest(json.dumps({"schemaVersion": 2, "config": DESCRIPTOR, "layers": None}).encode())
    assert isinstance(manifest, Manifest) and manifest.layers == ()
    entry = {**DESCRIPTOR, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}
    index = parse_manifest(json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    assert isinstance(index, Index) and index.manifests[0].platform is not None


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"schemaVersion": 1}, "schema 1"),
        ({"schemaVersion": 2}, "invalid manifest"),
        ({"schemaVersion": 2, "config": DESCRIPTOR, "manifests": []}, "ambiguous"),
        ({"schemaVersion": 2, "config": {**DESCRIPTOR, "size": "1"}}, "invalid manifest"),
        ([], "not a JSON object"),
    ],
)
def test_manifests_that_are_refused(document: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        parse_manifest(json.dumps(document).encode())


@pytest.mark.parametrize("document", [b"[" * 100_000, b'"\x80"', b'{"config": "\xff"}'])
def test_what_is_no_json_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse_manifest(document)
    with pytest.raises(InvalidArgument):
        parse_image_config(document)


def test_null_means_absent_in_configs() -> None:
    config = parse_image_config(
        b'{"os": "linux", "config": {"Env": null, "Cmd": ["sh"], "Labels": null, "Hostname": ""}, "history": null}'
    )
    assert config.config.env == [] and config.config.cmd == ["sh"] and config.config.labels == {}


def test_a_config_is_written_as_readers_demand() -> None:
    document = json.loads(format_image_config(parse_image_config(b"{}")))
    assert document == {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": []}}


def test_chain_ids_follow_the_standard() -> None:
    one, two = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    assert chain_ids([one, two]) == [Digest.parse(one), Digest.of(f"{one} {two}".encode())]
