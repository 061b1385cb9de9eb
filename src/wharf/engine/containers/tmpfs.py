"""`--tmpfs` and `--mount type=tmpfs`: which options there are, and what they are without a word. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from wharf.apitypes.containers import TmpfsOptions
from wharf.engine.containers.mount_request import PROPAGATIONS, MountRequest, target_of
from wharf.errors import InvalidArgument

DEFAULTS: Final = ("noexec", "nosuid", "nodev", "rprivate")
_NUMBER: Final = r"(0[xX][0-9a-fA-F]+|[0-9]+)"
#: Options with a value, and which values the kernel takes (tmpfs(5)).
_VALUED: Final = {
    "size": re.compile(rf"{_NUMBER}[kmgtpeKMGTPE%]?"),
    "mode": re.compile(r"[0-7]{1,11}"),
    "uid": re.compile(r"[0-9]{1,10}"),
    "gid": re.compile(r"[0-9]{1,10}"),
    "nr_inodes": re.compile(rf"{_NUMBER}[kmgtpeKMGTPE]?"),
    "nr_blocks": re.compile(rf"{_NUMBER}[kmgtpeKMGTPE]?"),
    "mpol": re.compile(r".+"),
}
#: What each flag of mount(8) is about: of those about the same the last one holds.
_FLAGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ro", "rw"), "access"),
    **dict.fromkeys(("suid", "nosuid"), "suid"),
    **dict.fromkeys(("dev", "nodev"), "dev"),
    **dict.fromkeys(("exec", "noexec"), "exec"),
    **dict.fromkeys(("sync", "async"), "sync"),
    **dict.fromkeys(("dirsync",), "dirsync"),
    **dict.fromkeys(("mand", "nomand"), "mand"),
    **dict.fromkeys(("atime", "noatime"), "atime"),
    **dict.fromkeys(("diratime", "nodiratime"), "diratime"),
    **dict.fromkeys(("relatime", "norelatime"), "relatime"),
    **dict.fromkeys(("strictatime", "nostrictatime"), "strictatime"),
    **dict.fromkeys(PROPAGATIONS, "propagation"),
}


def read(target: str, text: str) -> MountRequest:
    """One `--tmpfs target:options`. Raises InvalidArgument."""
    options = merged((*DEFAULTS, *(word for word in text.split(",") if word)))
    return MountRequest("tmpfs", "", target_of(target), read_only="ro" in options, options=options)


def of_mount(options: TmpfsOptions | None, *, read_only: bool) -> tuple[str, ...]:
    """The options of a `--mount`. Raises InvalidArgument."""
    words = [*DEFAULTS]
    if read_only:
        words.append("ro")
    if options is not None and options.mode:
        words.append(f"mode={options.mode:o}")
    if options is not None and options.size_bytes:
        words.append(f"size={options.size_bytes}")
    for pair in options.options if options is not None else ():
        if len(pair) > 2:
            raise InvalidArgument("invalid option array length")
        if not pair or pair[0] not in ("exec", "noexec"):
            raise InvalidArgument(f"invalid option: {pair[0] if pair else ''}")
        if len(pair) > 1:
            raise InvalidArgument(f'invalid tmpfs option "{pair[0]}"')
        words.append(pair[0])
    return merged(words)


def merged(words: Iterable[str]) -> tuple[str, ...]:
    """The options without those that a later one replaces. Raises InvalidArgument for what tmpfs does not have."""
    kept: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        about = name if equals and name in _VALUED else _FLAGS.get(word, "")
        if word == "defaults":
            continue
        if not about:
            raise InvalidArgument(f'invalid tmpfs option "{name}"')
        if name in _VALUED and not _VALUED[name].fullmatch(value):
            raise InvalidArgument(f'invalid tmpfs option "{word}"')
        kept.pop(about, None)
        kept[about] = word
    return tuple(kept.values())
