"""The configuration of an image (OCI image spec, config.md, with Docker's additions)."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from wharf.errors import InvalidArgument
from wharf.spec.digest import Digest
from wharf.spec.manifest import without_nulls
from wharf.spec.unreadable import UNREADABLE


class Healthcheck(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """Durations are nanoseconds; 0 means inherit."""

    test: list[str] = []
    interval: int = 0
    timeout: int = 0
    retries: int = 0
    start_period: int = 0
    start_interval: int = 0


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """What a container of the image runs unless its own configuration says otherwise."""

    user: str = ""
    exposed_ports: dict[str, dict[str, Any]] = {}
    env: list[str] = []
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    healthcheck: Healthcheck | None = None
    args_escaped: bool = False
    volumes: dict[str, dict[str, Any]] = {}
    working_dir: str = ""
    on_build: list[str] | None = None
    labels: dict[str, str] = {}
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: list[str] | None = None


class RootFS(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "layers"
    diff_ids: list[str] = []


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one layer came to be; `empty_layer`: a step that made none."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document whose digest is the image's id. `config` is what its containers run."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = msgspec.field(name="os.version", default="")
    created: str = ""  # RFC 3339
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    config: RunConfig = RunConfig()
    rootfs: RootFS = RootFS()
    history: list[History] = []


def parse_image_config(data: bytes) -> ImageConfig:
    """Read an image's configuration. Raises InvalidArgument when it is none."""
    try:
        return msgspec.convert(without_nulls(msgspec.json.decode(data)), ImageConfig)
    except UNREADABLE as error:
        raise InvalidArgument(f"invalid image configuration: {error}") from None


def format_image_config(config: ImageConfig) -> bytes:
    """The document, always the same bytes for the same value."""
    document = msgspec.to_builtins(config)
    # Readers demand these three even where they are empty (config.md: REQUIRED).
    document.setdefault("architecture", "")
    document.setdefault("os", "")
    document["rootfs"] = {"type": config.rootfs.type, "diff_ids": config.rootfs.diff_ids}
    return msgspec.json.encode(document, order="sorted")


def chain_ids(diff_ids: Iterable[str]) -> list[Digest]:
    """The name of each stack of layers, lowest first (config.md#layer-chainid). Raises InvalidArgument."""
    chain: list[Digest] = []
    for text in diff_ids:
        diff_id = Digest.parse(text)
        if chain:
            joined = f"{chain[-1]} {diff_id}".encode()
            diff_id = Digest("sha256", hashlib.sha256(joined).hexdigest())
        chain.append(diff_id)
    return chain


def is_built_on(image: Sequence[Digest], base: Sequence[Digest]) -> bool:
    """Whether the layers of `image` begin with those of `base`, and are more."""
    return len(image) > len(base) > 0 and image[len(base) - 1] == base[-1]
