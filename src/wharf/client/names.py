"""Names of images as users write them, taken apart only as far as a client needs."""

from wharf.errors import InvalidArgument

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
TAG = LETTERS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-")
DOCKER_HUB = "docker.io"
DOCKER_INDEX = "https://index.docker.io/v1/"


class ImageName:
    """`repository` as written (without `:latest`), `tag` and `digest` perhaps empty, `registry` its host."""

    __slots__ = ("digest", "registry", "repository", "tag")

    def __init__(self, repository: str, tag: str, digest: str, registry: str) -> None:
        self.repository = repository
        self.tag = tag
        self.digest = digest
        self.registry = registry

    @property
    def with_tag(self) -> str:
        """The name with its digest or tag, `latest` where it has neither."""
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag or 'latest'}"

    @property
    def auth_key(self) -> str:
        """The registry's name in config.json."""
        return DOCKER_INDEX if self.registry == DOCKER_HUB else self.registry


def parse_name(text: str) -> ImageName:
    """Raises InvalidArgument, in docker's words, for what no registry would take."""
    name, _, digest = text.partition("@")
    repository, tag = name, ""
    at = name.rfind(":")
    if at > name.rfind("/"):
        repository, tag = name[:at], name[at + 1 :]
        if not tag or len(tag) > 128 or not set(tag) <= TAG or tag[0] in ".-":
            raise InvalidArgument("invalid reference format")
    if "@" in text and not _is_digest(digest):
        raise InvalidArgument("invalid reference format")
    first, separator, path = repository.partition("/")
    if separator and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        registry = first
    else:
        registry, path = DOCKER_HUB, repository
    if path != path.lower():
        full = path if "/" in path or registry != DOCKER_HUB else f"library/{path}"
        raise InvalidArgument(f"invalid reference format: repository name ({full}) must be lowercase")
    if not all(_is_part(part) for part in path.split("/")):
        raise InvalidArgument("invalid reference format")
    return ImageName(repository.removeprefix("docker.io/library/").removeprefix("docker.io/"), tag, digest, registry)


def _is_digest(text: str) -> bool:
    algorithm, _, digits = text.partition(":")
    return bool(algorithm) and len(digits) >= 32 and set(digits) <= set("0123456789abcdefABCDEF")


def _is_part(part: str) -> bool:
    """Letters and digits, joined by a dot, one or two underscores, or dashes."""
    rest = part.replace("-", "").replace("__", "_")
    sound = bool(rest) and set(rest) <= LETTERS | {".", "_"} and part[0] in LETTERS and part[-1] in LETTERS
    return sound and not any(pair in rest for pair in ("..", "._", "_.", "__"))
