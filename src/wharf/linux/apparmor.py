"""AppArmor profiles: whether the kernel knows one, and giving it one."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from wharf.errors import EngineError

#: A directory for each profile, `name.number`; another number when it was replaced.
_PROFILES: Final = Path("/sys/kernel/security/apparmor/policy/profiles")


def parser() -> str:
    """The program that translates profiles for the kernel; "" where it is not installed."""
    return shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin:/bin") or ""


def loaded(name: str, profiles: Path = _PROFILES) -> Path | None:
    """Where the kernel shows a profile for as long as it has it; None for one that it does not know."""
    try:
        found = [entry for entry in os.scandir(profiles) if entry.name.rpartition(".")[0] == name]
    except OSError:
        return None
    return Path(found[0].path) if found else None


def load(profile: str) -> None:
    """Gives the kernel the text of a profile; it replaces one of that name. Blocks, a tenth of a second or so.

    Raises EngineError.
    """
    command = [parser(), "--skip-cache", "--replace", "--quiet"]
    try:
        done = subprocess.run(command, input=profile, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(f"running `{command[0] or 'apparmor_parser'}` failed: {error.strerror}") from None
    if done.returncode != 0:
        raise EngineError(f"running `{' '.join(command)}` failed with output: {done.stderr.strip()}")
