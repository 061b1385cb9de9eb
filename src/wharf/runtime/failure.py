"""What an OCI runtime's failure means to the user. Pure."""

import re
from pathlib import PurePosixPath
from typing import Final

from wharf.errors import EngineError, InvalidArgument


class RuntimeFailed(EngineError):
    """The OCI runtime could not start the container; `exit_code` is what the container's record gets."""

    def __init__(self, text: str, exit_code: int = 128) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class CommandNotRunnable(RuntimeFailed, InvalidArgument):
    """The container's command does not exist (127) or must not be run (126)."""


class WrongKindMounted(RuntimeFailed, InvalidArgument):
    """A directory was to be mounted on a file, or a file on a directory."""


_NOT_FOUND: Final = re.compile(r"executable file [`']?(?P<name>[^`']*)[`']? not found in \$PATH", re.IGNORECASE)
#: What crun and runc say when the execve itself fails, or would: "eaccess" is runc's look at it before.
_NOT_EXECUTED: Final = re.compile(
    r"(?:exec|eaccess)(?: container process)?(?: \(missing dynamic library\?\))?"
    r"(?: user process caused| `(?P<quoted>[^`]*)`| (?P<plain>/.*))?: \"?(?P<reason>[^:`\"]*)\"?$",
    re.IGNORECASE | re.DOTALL,
)
#: What crun and runc say where a mount and its place are not of one kind.
_NOT_OF_ONE_KIND: Final = re.compile(
    r"^mount `.*: not a directory$|error mounting \".*not a directory", re.I | re.DOTALL
)
_ONE_KIND_HINT: Final = (
    "Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
#: crun's words for a working directory that it cannot go to.
_NO_DIRECTORY: Final = re.compile(r"chdir `(?P<path>.*)`: (?P<reason>[^:`]*)$", re.DOTALL)
#: crun's words for an AppArmor profile that the kernel does not know, or may not change to.
_NO_PROFILE: Final = re.compile(r"write file `(?P<path>/proc/[^`]*/attr/(?:apparmor/)?exec)`: (?P<reason>[^:`]*)$")


def explain(runtime: str, text: str, command: str = "") -> RuntimeFailed:
    """The error for what `runtime` (a path) said when it should have run `command`.

    The wording is the one by which Docker's clients tell apart a command that is missing or not permitted.
    """
    program = PurePosixPath(runtime).name
    text = text.strip()
    if found := _NOT_FOUND.search(text):
        name = found["name"] or command
        reason = "no such file or directory" if "/" in name else "executable file not found in $PATH"
        text = f'unable to start container process: exec: "{name}": {_stat(name, reason)}'
        return CommandNotRunnable(_full(program, text), 127)
    if found := _NO_PROFILE.search(text):
        reason = f"write {found['path']}: {found['reason'].lower()}"
        return RuntimeFailed(_full(program, f"apparmor failed to apply profile: {reason}"), 128)
    if found := _NOT_EXECUTED.search(text):
        reason, code = _not_executed(found, command)
        return CommandNotRunnable(_full(program, f"unable to start container process: {reason}"), code)
    if _NOT_OF_ONE_KIND.search(text):
        return WrongKindMounted(f"{_full(program, text).removesuffix(': unknown')}: {_ONE_KIND_HINT}", 127)
    lowered = text.lower()
    if lowered.startswith("open executable") or 'exec: "' in text:
        if "no such file" in lowered or "not found in $path" in lowered:
            return CommandNotRunnable(_full(program, text), 127)
        if lowered.startswith("open executable"):
            # crun says no more: a directory gives EPERM, a file without the x bit EACCES.
            text = f'unable to start container process: exec: "{command}": permission denied'
        return CommandNotRunnable(_full(program, text), 126)
    return RuntimeFailed(_full(program, text), 128)


def explain_logging(text: str) -> RuntimeFailed:
    """The error for a log that cannot begin."""
    return RuntimeFailed(f"failed to create task for container: failed to initialize logging driver: {text}")


def explain_exec(text: str, command: str = "") -> RuntimeFailed:
    """The error for what a runtime said when it should have run `command` in a running container."""
    text = text.strip().removeprefix("exec failed: ")
    lowered = text.lower()
    if found := _NOT_FOUND.search(text):
        name = found["name"] or command
        reason = "no such file or directory" if "/" in name else "executable file not found in $PATH"
        return CommandNotRunnable(_exec_failed(f'exec: "{name}": {_stat(name, reason)}'), 127)
    if lowered.startswith("open executable"):
        if "no such file" in lowered or not command:
            reason = _stat(command, "no such file or directory") if command else "executable file not found in $PATH"
            return CommandNotRunnable(_exec_failed(f'exec: "{command}": {reason}'), 127)
        return CommandNotRunnable(_exec_failed(f'exec: "{command}": permission denied'), 126)
    if found := _NOT_EXECUTED.search(text):
        reason, code = _not_executed(found, command)
        return CommandNotRunnable(_exec_failed(reason), code)
    if found := _NO_DIRECTORY.match(text):
        reason = found["reason"].lower()
        return CommandNotRunnable(
            _exec_failed(f'chdir to cwd ("{found["path"]}") set in config.json failed: {reason}'),
            127 if reason.startswith("no such file") else 126,
        )
    if 'exec: "' in text:
        missing = "no such file" in lowered or "not found in $path" in lowered
        return CommandNotRunnable(_exec_failed(text), 127 if missing else 126)
    return RuntimeFailed(_exec_failed(text), 126)


def _not_executed(found: re.Match[str], command: str) -> tuple[str, int]:
    """The reason in Docker's words, and the exit code."""
    name = found["quoted"] or found["plain"] or command
    reason = found["reason"].strip().lower()
    return f'exec: "{name}": {reason}', 127 if reason.startswith("no such file") else 126


def _exec_failed(text: str) -> str:
    reason = text.removeprefix("unable to start container process: ")
    return f"OCI runtime exec failed: exec failed: unable to start container process: {reason}: unknown"


def _stat(name: str, reason: str) -> str:
    return f"stat {name}: {reason}" if "/" in name else reason


def _full(program: str, text: str) -> str:
    return (
        "failed to create task for container: failed to create shim task: "
        f"OCI runtime create failed: {program}: {text}: unknown"
    )
