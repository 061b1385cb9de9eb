"""Manifests and indexes: OCI, and Docker's schema 2, which differs in media types only."""

from typing import Any, Final

import msgspec

from wharf.errors import InvalidArgument
from wharf.spec.descriptor import Descriptor
from wharf.spec.unreadable import UNREADABLE

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

ACCEPTED: Final = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
IMAGE_CONFIGS: Final = frozenset({OCI_CONFIG, DOCKER_CONFIG, "application/octet-stream", "text/html", ""})

_LAYERS: Final = (OCI_LAYER, DOCKER_LAYER, "application/vnd.docker.image.rootfs.diff.tar.")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image: its config and its layers, lowest first."""

    schema_version: int = msgspec.field(name="schemaVersion")
    media_type: str = msgspec.field(name="mediaType", default="")
    config: Descriptor
    layers: tuple[Descriptor, ...] = ()
    annotations: dict[str, str] = {}


class Index(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The same image for several platforms (Docker: manifest list)."""

    schema_version: int = msgspec.field(name="schemaVersion")
    media_type: str = msgspec.field(name="mediaType", default="")
    manifests: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


def without_nulls(value: Any) -> Any:
    """JSON data with the members that are null left out: for all our standards null means absent."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


def parse_manifest(data: bytes, content_type: str = "") -> Manifest | Index:
    """Read a manifest or an index. Raises InvalidArgument for anything else, also for the old schema 1."""
    try:
        document = without_nulls(msgspec.json.decode(data))
    except UNREADABLE as error:
        raise InvalidArgument(f"the manifest is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidArgument("the manifest is not a JSON object")
    kind = str(document.get("mediaType") or content_type.partition(";")[0].strip())
    if document.get("schemaVersion") == 1 or kind in {DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED}:
        raise InvalidArgument(
            'the image is in the format "Docker image manifest version 2, schema 1", which is not supported any more: '
            "push it again with a newer tool"
        )
    # A document that is both is an attack on tools that choose by different members (OCI: MUST NOT have both).
    if "manifests" in document and ("layers" in document or "config" in document):
        raise InvalidArgument("the manifest is ambiguous: it is an index and an image at once")
    try:
        if "manifests" in document:
            return msgspec.convert(document, Index)
        return msgspec.convert(document, Manifest)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"invalid manifest: {error}") from None


def is_layer(media_type: str) -> bool:
    """Whether the media type is a layer that we can unpack; the compression is found from its bytes."""
    return media_type.startswith(_LAYERS) or media_type == ""


def is_foreign(layer: Descriptor) -> bool:
    """Whether a layer may not be distributed by registries, but is to be fetched from anywhere. We never do."""
    return "foreign" in layer.media_type or "nondistributable" in layer.media_type or bool(layer.urls)
