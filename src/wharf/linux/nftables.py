"""nftables through libnftables: no process for a change, one transaction for each text."""

import ctypes
from typing import Final

_NAME: Final = "libnftables.so.1"


class NftError(Exception):
    """libnftables refused a change, or is not there; the text is its own."""


class Nftables:
    """A context of libnftables, for the network namespace of the thread that made it. Close it at the end."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(_NAME)
        except OSError:
            raise NftError(f"{_NAME} is not installed (package libnftables1)") from None
        for name in ("nft_ctx_new", "nft_ctx_get_error_buffer", "nft_ctx_get_output_buffer"):
            getattr(self._library, name).restype = ctypes.c_void_p
        for name in ("nft_ctx_get_error_buffer", "nft_ctx_get_output_buffer"):
            function = getattr(self._library, name)
            function.argtypes = (ctypes.c_void_p,)
            function.restype = ctypes.c_char_p
        self._library.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
        for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(self._library, name).argtypes = (ctypes.c_void_p,)
        self._context: int | None = self._library.nft_ctx_new(0)
        if not self._context:
            raise NftError("libnftables gave no context")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str) -> str:
        """Carries out all of `commands` or none of them; returns what they print. Raises NftError."""
        if self._context is None:
            raise NftError("the context is closed")
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        output = self._library.nft_ctx_get_output_buffer(self._context) or b""
        error = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftError(error.decode(errors="replace").strip() or "nftables refused the change")
        return bytes(output).decode(errors="replace")

    def close(self) -> None:
        if self._context is not None:
            self._library.nft_ctx_free(self._context)
            self._context = None
