"""libnftables as ctypes sees it, and what is done in a process of its own: it may die of what others have written.

Quick to import (without subprocess and pathlib): a first network, and wharfd's start, wait for such a process.
"""

import ctypes
import sys
from contextlib import suppress
from typing import Final

from wharf.linux import nftables_sets

#: Of libnftables 0.9 (2018) and later.
LIBRARY: Final = "libnftables.so.1"
#: What it makes JSON with, where it can.
_JSON_LIBRARY: Final = "libjansson.so.4"

OUTPUT_HANDLES: Final = 1 << 3  # NFT_CTX_OUTPUT_HANDLE of nftables/libnftables.h
_OUTPUT_JSON: Final = 1 << 4  # NFT_CTX_OUTPUT_JSON


def try_out() -> None:
    """In a process of its own: reads all. Exits with 1 where that is refused. Prints the descriptions that it survived.

    Those are none where somebody has changed something meanwhile: what was listed may have been away when it was read.
    """
    before, descriptions = nftables_sets.generation(), set(nftables_sets.listed())
    library = declared(ctypes.CDLL(LIBRARY))
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    library.nft_ctx_buffer_output(context)  # what is printed is ours alone
    if library.nft_run_cmd_from_buffer(context, b"list tables"):
        sys.exit(1)
    if nftables_sets.generation() == before:
        print(*descriptions)


def print_rules(*, as_text: bool) -> None:
    """In a process of its own: prints all rules as in libnftables-json(5), or as text with handles. Else exits with 1.

    Version 1.0.6 (Debian 12) reads a table's flag after it has let it go, where there is exactly one (`owner`,
    `dormant`): it prints something else for it or broken JSON, or dies later. So nothing is let go of.
    """
    library = declared(ctypes.CDLL(LIBRARY))
    nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    with suppress(OSError):  # one that makes JSON otherwise, or none
        ctypes.CDLL(_JSON_LIBRARY).json_set_alloc_funcs(ctypes.CDLL(None).malloc, nothing)
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    library.nft_ctx_output_set_flags(context, OUTPUT_HANDLES if as_text else _OUTPUT_JSON)
    if library.nft_run_cmd_from_buffer(context, b"list ruleset"):
        sys.exit(1)


def declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """The same, with the types of its functions."""
    library.nft_ctx_new.argtypes = (ctypes.c_uint32,)
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_free.argtypes = (ctypes.c_void_p,)
    library.nft_ctx_free.restype = None
    library.nft_ctx_output_set_flags.argtypes = (ctypes.c_void_p, ctypes.c_uint)
    library.nft_ctx_output_set_flags.restype = None
    library.nft_ctx_set_dry_run.argtypes = (ctypes.c_void_p, ctypes.c_bool)
    library.nft_ctx_set_dry_run.restype = None
    library.nft_ctx_buffer_error.argtypes = (ctypes.c_void_p,)
    library.nft_ctx_buffer_output.argtypes = (ctypes.c_void_p,)
    library.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    for name in ("nft_ctx_get_error_buffer", "nft_ctx_get_output_buffer"):
        getattr(library, name).argtypes = (ctypes.c_void_p,)
        getattr(library, name).restype = ctypes.c_char_p
    return library
