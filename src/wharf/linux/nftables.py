"""nftables through libnftables by ctypes, in one kept context.

A program `nft` for each change costs 22 ms, an element by the library 0.3 ms. The context's socket belongs to the
namespace that its thread was in when it opened. What others have written there may end the library's process: where
that is possible, another process tries it first (see `nftables_sets`). All rules are listed in another one, too.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

import wharf
from wharf.linux.nftables_library import LIBRARY, OUTPUT_HANDLES, declared
from wharf.linux.nftables_sets import SetNotices

_SOURCE: Final = str(Path(wharf.__file__).parents[1])
_MISSING: Final = "No such file or directory"  # of an object, in the library's own words
_PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv[1]); from wharf.linux import nftables_library as library; "

#: libnftables waits with select(2), which knows no greater numbers of files (FD_SETSIZE): it would end the process.
_LARGEST_NUMBER: Final = 1023
#: It also ends the process where it cannot open a file: it needs one or two at a time, and other threads open some.
_ROOM: Final = 16


class NftablesError(Exception):
    """The library is missing, the kernel refuses us, or a command failed. The text is the library's."""


class Nftables:
    """One context. For one thread at a time."""

    def __init__(self, library: str = LIBRARY) -> None:
        """Raises NftablesError without such a library or nftables in the kernel, or when too many files are open."""
        if _next_file() > _LARGEST_NUMBER:
            raise NftablesError("nftables is not usable: too many open files")
        try:
            self._library = declared(ctypes.CDLL(library))
        except OSError as error:
            raise NftablesError(f"nftables is not usable: {error} (package libnftables1)") from None
        try:
            self._notices = SetNotices()
        except OSError as error:
            raise NftablesError(f"nftables is not usable: {error}") from None
        self._context: ctypes.c_void_p | None = ctypes.c_void_p(self._library.nft_ctx_new(0))
        if not self._context:
            self._notices.close()
            raise NftablesError("nftables is not usable: no context")
        self._library.nft_ctx_buffer_error(self._context)
        self._library.nft_ctx_buffer_output(self._context)

    def run(self, commands: str, *, handles: bool = False) -> str:
        """Runs commands in nft's own language as one transaction: all of them or none. Returns what they print.

        With `handles`, listings show each object's number. Raises NftablesError.
        """
        _make_sure(self._notices)
        _next_file()
        self._library.nft_ctx_output_set_flags(self._context, OUTPUT_HANDLES if handles else 0)
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context) or b""
        errors: bytes = self._library.nft_ctx_get_error_buffer(self._context) or b""
        self._forget()
        if failed:
            raise NftablesError(errors.decode(errors="replace").strip() or "nftables: the command failed")
        return output.decode(errors="replace")

    def _forget(self) -> None:
        """Lets go of what the library has read of the kernel's tables, half a MiB for each: a trial run ends so."""
        self._library.nft_ctx_set_dry_run(self._context, True)
        self._library.nft_run_cmd_from_buffer(self._context, b"")
        self._library.nft_ctx_set_dry_run(self._context, False)

    def has(self, table: str) -> bool:
        """Whether there is such a table (`ip filter`). One is asked for by its name: `list tables` reads all of all.

        Raises NftablesError.
        """
        return bool(self.listing(f"table {table}"))

    def listing(self, what: str, *, handles: bool = False) -> str:
        """What there is (`table ip filter`, `set ip filter friends`); "" where it is not. Raises NftablesError."""
        try:
            return self.run(f"list {what}", handles=handles)
        except NftablesError as error:
            if _MISSING in str(error):
                return ""
            raise

    def close(self) -> None:
        if self._context is not None:
            self._library.nft_ctx_free(self._context)
            self._context = None
        self._notices.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def all_rules(*, as_text: bool = False) -> str:
    """Those of everybody, as in libnftables-json(5), or as text with handles. Raises NftablesError.

    Another process lists them: libnftables 1.0.6 reads freed memory for some tables of others, and may die of it.
    """
    return _elsewhere(f"print_rules({as_text=})", "this host's libnftables dies of listing all rules")


def _next_file() -> int:
    """The number that the next open file will have. Raises NftablesError where there is no room for some more."""
    probes: list[int] = []
    try:
        probes.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        while len(probes) < _ROOM:
            probes.append(os.dup(probes[0]))
    except OSError as error:
        raise NftablesError(f"nftables is not usable: {error.strerror}") from None
    finally:
        for one in probes:
            os.close(one)
    return probes[0]


def _make_sure(notices: SetNotices) -> None:
    """Where it is doubtful, has another process read what is there. Raises NftablesError where that fails."""
    try:
        if not notices.doubtful():
            return
    except OSError as error:
        raise NftablesError(f"nftables is not usable: {error}") from None
    death = "a newer nft has made sets which this host's libnftables cannot read, and dies of"
    notices.trust(_elsewhere("try_out()", death).split())


def _elsewhere(call: str, death: str) -> str:
    """What a function of `nftables_library` prints elsewhere. Raises NftablesError: with `death` if it dies."""
    command = [sys.executable, "-I", "-S", "-c", f"{_PROGRAM}library.{call}", _SOURCE]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise NftablesError(f"nftables is not usable: {error}") from None
    if done.returncode < 0:
        raise NftablesError(f"nftables is not usable: {death}")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"its process ended with {done.returncode}"
        raise NftablesError(f"nftables is not usable: {reason}")
    return done.stdout.decode(errors="replace")
