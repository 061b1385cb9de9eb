"""What the daemon's options about user namespaces mean on this host: users are looked up, and `dockremap` is made."""

import asyncio
import grp
import logging
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharf.engine.config import EngineConfig
from wharf.engine.containers.store import ContainerStore
from wharf.engine.userns import subordinate
from wharf.engine.userns.allocating import DEFAULT_POOL, Pool
from wharf.engine.userns.service import UserNamespaces
from wharf.engine.userns.subordinate import DEFAULT_USER, Entry
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.contract import Snapshots
from wharf.spec.id_mapping import IdMapping, Span, check_mapping

log = logging.getLogger(__name__)

_SUBUID: Final = "/etc/subuid"
_SUBGID: Final = "/etc/subgid"
#: Whose subordinate ids --userns=auto takes where such a user is and the daemon says nothing; podman's are the same.
_POOL_USER: Final = "containers"


async def open_user_namespaces(config: EngineConfig, store: ContainerStore, snapshots: Snapshots) -> UserNamespaces:
    """Raises EngineError when userns-remap or userns-pool cannot be had on this host."""
    default = await asyncio.to_thread(_remapped, config.userns_remap) if config.userns_remap else None
    if default is not None:
        await snapshots.check_id_mapping()
    return UserNamespaces(store, snapshots, default, _pool(config.userns_pool))


@dataclass(frozen=True, slots=True)
class _Owner:
    """A user or a group, by the names that /etc/subuid or /etc/subgid may have for it."""

    name: str
    id: int

    @property
    def names(self) -> tuple[str, str]:
        return self.name, str(self.id)


def _remapped(text: str) -> IdMapping | None:
    """The mapping of a userns-remap. None for root, who is mapped to himself, as in Docker."""
    user_text, group_text = subordinate.parse_remap(text)
    if user_text == DEFAULT_USER:
        _make_default_user()
    user = _user(user_text)
    if user.id == 0:
        log.warning("root cannot be remapped with itself: containers have no user namespace")
        return None
    group = _group(group_text) if group_text else _Owner(user.name, user.id)
    mapping = IdMapping.consecutive(
        _spans(_SUBUID, user, "subuid", "user"), _spans(_SUBGID, group, "subgid", "group" if group_text else "user")
    )
    check_mapping(mapping)
    return mapping


def _user(text: str) -> _Owner:
    try:
        found = pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        if text.isdecimal():
            raise InvalidArgument(f"Uid {text} has no entry in /etc/passwd") from None
        raise InvalidArgument(f'Error during uid lookup for "{text}": no such user') from None
    return _Owner(found.pw_name, found.pw_uid)


def _group(text: str) -> _Owner:
    try:
        found = grp.getgrgid(int(text)) if text.isdecimal() else grp.getgrnam(text)
    except (KeyError, OverflowError):
        if text.isdecimal():
            raise InvalidArgument(f"Gid {text} has no entry in /etc/group") from None
        raise InvalidArgument(f'Error during gid lookup for "{text}": no such group') from None
    return _Owner(found.gr_name, found.gr_gid)


def _spans(file: str, owner: _Owner, kind: str, what: str) -> tuple[Span, ...]:
    spans = subordinate.spans_of(_entries(file), owner.names)
    if not spans:
        raise InvalidArgument(f'Can\'t create ID mappings: no {kind} ranges found for {what} "{owner.name}"')
    return spans


def _entries(file: str) -> tuple[Entry, ...]:
    try:
        return subordinate.parse(Path(file).read_text(errors="replace"), file)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise EngineError(f"cannot read {file}: {error.strerror}") from error


def _make_default_user() -> None:
    """The user that userns-remap `default` means, with subordinate ids, unless it is there."""
    try:
        pwd.getpwnam(DEFAULT_USER)
    except KeyError:
        _run("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", "-U")
    for file, option in ((_SUBUID, "--add-subuids"), (_SUBGID, "--add-subgids")):
        entries = _entries(file)
        if not subordinate.spans_of(entries, (DEFAULT_USER,)):
            span = subordinate.next_span(entries)
            _run("usermod", option, f"{span.first}-{span.end - 1}")


def _run(*command: str) -> None:
    try:
        done = subprocess.run([*command, DEFAULT_USER], capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(
            f'cannot make the user "{DEFAULT_USER}" for userns-remap: {command[0]}: {error.strerror}; make it, with '
            f"ranges in {_SUBUID} and {_SUBGID}, or name another user"
        ) from None
    if done.returncode != 0:
        raise EngineError(f'cannot make the user "{DEFAULT_USER}" for userns-remap: {done.stderr.strip()}')


def _pool(text: str) -> Pool:
    first, colon, size = text.partition(":")
    if colon:
        if not (first.isdecimal() and size.isdecimal() and int(first) and int(size)):
            raise InvalidArgument(f'invalid userns-pool: "{text}" is neither FIRST:SIZE nor a user')
        return Pool(*[(Span(int(first), int(size)),)] * 2)
    owners = (text or _POOL_USER,)
    pool = Pool(subordinate.spans_of(_entries(_SUBUID), owners), subordinate.spans_of(_entries(_SUBGID), owners))
    if pool.uids and pool.gids:
        return pool
    if text:
        raise InvalidArgument(f'userns-pool: no ranges for user "{text}" in {_SUBUID} and {_SUBGID}')
    return DEFAULT_POOL
