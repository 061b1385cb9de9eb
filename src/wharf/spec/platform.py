"""Platforms that images are made for (OCI image index spec), such as linux/arm64/v8."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from wharf.errors import InvalidArgument

_WORD: Final = re.compile(r"[A-Za-z0-9_.-]+")
_ARCHITECTURES: Final = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
}
_OPERATING_SYSTEMS: Final = frozenset({"linux", "windows", "darwin", "freebsd"})
#: What `uname -m` says of 32-bit ARM, with the variant it can run.
_ARM_MACHINES: Final = {"armv7l": "v7", "armv6l": "v6", "armv8l": "v7", "armv5tel": "v5"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Platform:
    """Normalised: names as Go uses them, and the variant left out where it is the only one (arm64/v8)."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def normalised(cls, os_name: str, architecture: str, variant: str = "") -> Self:
        """Platform from words in any usual spelling."""
        os_name, architecture, variant = os_name.lower(), architecture.lower(), variant.lower()
        os_name = {"macos": "darwin"}.get(os_name, os_name)
        if architecture == "armhf" or (architecture == "arm" and not variant):
            variant = "v7"
        elif architecture == "armel":
            variant = "v6"
        architecture = _ARCHITECTURES.get(architecture, architecture)
        if variant and variant.isdecimal():
            variant = f"v{variant}"
        if (architecture, variant) in {("arm64", "v8"), ("amd64", "v1")}:
            variant = ""
        return cls(os_name, architecture, variant)

    @classmethod
    def parse(cls, text: str, host: "Platform | None" = None) -> Self:
        """Read `os/arch/variant`, `os/arch`, `arch` or `os`; what is missing is the host's.

        Without a host, `os` alone leaves the architecture empty.
        Raises InvalidArgument for anything else.
        """
        host = host or cls("linux", "")
        words = text.split("/")
        if not 1 <= len(words) <= 3 or not all(_WORD.fullmatch(word) for word in words):
            raise InvalidArgument(f"{text!r}: unknown operating system or architecture: invalid argument")
        if len(words) > 1:
            return cls.normalised(*words)
        word = words[0].lower()
        if word in _OPERATING_SYSTEMS or word == "macos":
            return cls.normalised(word, host.architecture, host.variant)
        architecture = _ARCHITECTURES.get(word, word)
        if architecture not in {"amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64"}:
            raise InvalidArgument(f"{text!r}: unknown operating system or architecture: invalid argument")
        return cls.normalised(host.os, word)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def platform_of_machine(machine: str) -> Platform:
    """The Linux platform that `uname -m` calls so."""
    if machine in _ARM_MACHINES:
        return Platform.normalised("linux", "arm", _ARM_MACHINES[machine])
    return Platform.normalised("linux", machine)


def fallbacks(wanted: Platform) -> list[Platform]:
    """`wanted` and the platforms whose programs it runs too, best first."""
    if wanted.architecture == "arm" and re.fullmatch(r"v[0-9]", wanted.variant):
        newest = int(wanted.variant[1:])
        return [Platform(wanted.os, "arm", f"v{n}") for n in range(newest, min(newest, 5) - 1, -1)]
    if wanted.variant:
        return [wanted, Platform(wanted.os, wanted.architecture)]
    return [wanted]


def best(wanted: Platform, offered: Iterable[tuple[Platform, T]]) -> T | None:
    """The first entry for the best platform that can run on `wanted`, or None."""
    entries = list(offered)
    for candidate in fallbacks(wanted):
        for platform, entry in entries:
            if platform == candidate:
                return entry
    return None
