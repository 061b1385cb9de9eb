"""Names of images, as Docker normalises them (distribution/reference grammar)."""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from wharf.errors import InvalidArgument
from wharf.spec.digest import Digest

DEFAULT_DOMAIN: Final = "docker.io"
OFFICIAL: Final = "library/"
DEFAULT_TAG: Final = "latest"
LONGEST_NAME: Final = 255  # domain and path together, as the grammar's authors limit it

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN_PART: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN: Final = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PATH: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_ONLY_HEX: Final = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository with a tag, a digest, both or neither. `str()` is canonical: docker.io/library/busybox:1."""

    domain: str
    path: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a user types: `busybox`, `me/app:1`, `host:5000/app@sha256:…`. No tag is filled in.

        Raises InvalidArgument with dockerd's words.
        """
        if _ONLY_HEX.fullmatch(text):
            raise InvalidArgument(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
        name, at, digest_text = text.partition("@")
        colon = name.rfind(":")
        tag = ""
        if colon > name.rfind("/"):
            name, tag = name[:colon], name[colon + 1 :]
            if not _TAG.fullmatch(tag):
                raise InvalidArgument("invalid reference format")
        domain, path = _split_domain(name)
        if path.lower() != path:
            raise InvalidArgument("invalid reference format: repository name must be lowercase")
        if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path):
            raise InvalidArgument("invalid reference format")
        if len(domain) + 1 + len(path) > LONGEST_NAME:
            raise InvalidArgument(f"repository name must not be more than {LONGEST_NAME} characters")
        try:
            digest = Digest.parse(digest_text) if at else None
        except InvalidArgument:
            raise InvalidArgument("invalid reference format") from None
        return cls(domain, path, tag, digest)

    @property
    def name(self) -> str:
        """Domain and path, canonical: docker.io/library/busybox."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: busybox."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(OFFICIAL) if self.path.count("/") == 1 else self.path
        # A path that begins like a host would be read as one: it keeps its registry.
        return short if _split_domain(short) == (self.domain, self.path) else self.name

    @property
    def suffix(self) -> str:
        """`:tag`, `@digest`, both or nothing."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def familiar(self) -> str:
        """The whole reference as people write it: busybox:1."""
        return self.familiar_name + self.suffix

    def with_default_tag(self) -> "Reference":
        """The same, with `latest` when there is neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag=DEFAULT_TAG)

    def tagged(self, tag: str) -> "Reference":
        """The repository with another tag. Raises InvalidArgument when it is none."""
        if not _TAG.fullmatch(tag):
            raise InvalidArgument("invalid tag format" if tag else "invalid reference format")
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> "Reference":
        """The repository at one digest."""
        return replace(self, tag="", digest=digest)

    def __str__(self) -> str:
        return self.name + self.suffix


def _split_domain(name: str) -> tuple[str, str]:
    """The registry and the path in it. The first component is a registry only if it looks like a host."""
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost" or first.lower() != first)
    domain, path = (first, rest) if is_host else (DEFAULT_DOMAIN, name)
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and path and "/" not in path:
        path = OFFICIAL + path
    return domain, path
