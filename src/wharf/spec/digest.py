"""Names of blobs (OCI image spec, descriptor.md#digests)."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from wharf.errors import InvalidArgument

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The name of a blob: `sha256:` and the 64 hex digits of its bytes' hash."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `algorithm:encoded`. Raises InvalidArgument unless we could verify it."""
        algorithm, _, encoded = text.partition(":")
        if algorithm != "sha256" or not _HEX.fullmatch(encoded):
            raise InvalidArgument(f"not a sha256 digest: {text!r}")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of `data`."""
        return cls("sha256", hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"
