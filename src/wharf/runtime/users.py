"""Who a container's process is: the user text of a container, looked up in the image's passwd and group files. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wharf.errors import InvalidArgument

_LARGEST_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class User:
    """Numbers for the kernel, and the home directory for $HOME ("/" where nothing is known)."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...] = ()
    home: str = "/"


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    gid: int
    members: tuple[str, ...]


def resolve(text: str, passwd: str, group: str, additional: Sequence[str] = ()) -> User:
    """The user of `name|uid[:group|gid]` ("" is root), with the groups of `additional` (names or numbers).

    Numbers need no entry. Raises InvalidArgument, in Docker's words, for a name without one.
    """
    user_text, _, group_text = text.partition(":")
    accounts, groups = list(_accounts(passwd)), list(_groups(group))
    account = _find_account(user_text or "0", accounts)
    if account is None:
        number = _number(user_text or "0")
        if number is None:
            raise InvalidArgument(f"unable to find user {user_text}: no matching entries in passwd file")
        account = _Account("", number, 0, "/")
    gid = _find_group(group_text, groups) if group_text else account.gid
    gids = [_find_group(name, groups) for name in additional]
    if not group_text and account.name:
        gids = [one.gid for one in groups if account.name in one.members] + gids
    # With the primary one: a process that changes it must not get past what files refuse to that group.
    unique = dict.fromkeys([gid, *gids])
    return User(account.uid, gid, tuple(unique), account.home or "/")


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return None
    if not 0 <= int(text) <= _LARGEST_ID:
        raise InvalidArgument(f"uids and gids must be in range 0-{_LARGEST_ID}")
    return int(text)


def _find_account(text: str, accounts: Sequence[_Account]) -> _Account | None:
    # A name wins over a number, as in useradd: an account may be called "1000".
    for account in accounts:
        if account.name == text:
            return account
    number = _number(text)
    return next((account for account in accounts if account.uid == number), None)


def _find_group(text: str, groups: Sequence[_Group]) -> int:
    for group in groups:
        if group.name == text:
            return group.gid
    number = _number(text)
    if number is None:
        raise InvalidArgument(f"unable to find group {text}: no matching entries in group file")
    return number


def _accounts(text: str) -> Iterator[_Account]:
    for fields in _fields(text, 4):
        home = fields[5] if len(fields) > 5 else "/"
        uid, gid = _entry_id(fields[2]), _entry_id(fields[3])
        if uid is not None and gid is not None:
            yield _Account(fields[0], uid, gid, home)


def _groups(text: str) -> Iterator[_Group]:
    for fields in _fields(text, 3):
        members = tuple(fields[3].split(",")) if len(fields) > 3 and fields[3] else ()
        if (gid := _entry_id(fields[2])) is not None:
            yield _Group(fields[0], gid, members)


def _entry_id(text: str) -> int | None:
    """The number in an image's file, which may hold anything; None for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_ID))):
        return None
    return int(text) if int(text) <= _LARGEST_ID else None


def _fields(text: str, least: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= least and not line.startswith("#"):
            yield fields
