"""libnftables as ctypes sees it, and a trial whether it survives what others have written.

Quick to import (without subprocess and pathlib): a first network, and wharfd's start, wait for the trial's process.
"""

import ctypes
import sys
from typing import Final

from wharf.linux import nftables_sets

#: Of libnftables 0.9 (2018) and later.
LIBRARY: Final = "libnftables.so.1"


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
