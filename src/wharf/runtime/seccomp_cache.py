"""Compiled seccomp profiles, kept on disk: the compiler takes longer than all else at a container's start."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wharf.linux import seccomp


class SeccompCache:
    """Profiles as BPF, in memory and in `directory`. Files are named by the profile's hash and never change."""

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
            data = path.read_bytes()
            if data and len(data) % 8 == 0:  # whole instructions
                return data
        except FileNotFoundError:
            pass
        try:
            data = seccomp.compile_profile(profile)
        except seccomp.Unsupported:
            return b""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}.new")
        temporary.write_bytes(data)
        temporary.replace(path)
        return data
