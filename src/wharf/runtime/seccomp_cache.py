"""Compiled seccomp profiles, kept on disk: the compiler takes longer than all else at a container's start."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wharf.linux import seccomp

_DIGEST_SIZE: Final = hashlib.sha256().digest_size


class SeccompCache:
    """Profiles as BPF, in memory and in `directory`.

    Files are named by the profile's hash and never change; each begins with the hash of the rest. They are not flushed
    to the disk: what a power cut leaves of one is not that, and is made anew.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, bytes] = {}

    def compiled(self, profile: Mapping[str, Any]) -> bytes:
        """The filter of `profile`, or b"" when this machine cannot compile it and the runtime has to.

        Blocks, about 15 ms for a profile that is not known yet.
        """
        key = hashlib.sha256(json.dumps(profile, sort_keys=True).encode()).hexdigest()
        if key not in self._known:
            self._known[key] = self._load_or_compile(key, profile)
        return self._known[key]

    def _load_or_compile(self, key: str, profile: Mapping[str, Any]) -> bytes:
        path = self._directory / f"seccomp-{key}.bpf"
        try:
            kept = path.read_bytes()
            digest, data = kept[:_DIGEST_SIZE], kept[_DIGEST_SIZE:]
            if data and _digest(data) == digest:
                return data
        except FileNotFoundError:
            pass
        try:
            data = seccomp.compile_profile(profile)
        except seccomp.Unsupported:
            return b""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}.new")
        temporary.write_bytes(_digest(data) + data)
        temporary.replace(path)
        return data


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
