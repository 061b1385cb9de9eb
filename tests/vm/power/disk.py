"""A disk with a volatile cache, as an NBD server for QEMU.

Protocol: doc/proto.md of github.com/NetworkBlockDevice/nbd, fixed newstyle negotiation.
"""

import io
import os
import socket
import struct
import threading
from pathlib import Path
from typing import Final

from vm.power.cache import BLOCK, Cache

_MAGIC: Final = b"NBDMAGICIHAVEOPT"
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_OPTION_ABORT, _OPTION_INFO, _OPTION_GO = 2, 6, 7
_OPTION_REPLY: Final = 0x3E889045565A9
_REPLY_ACK, _REPLY_INFO, _REPLY_UNSUPPORTED = 1, 3, 0x80000001
_INFO_EXPORT, _INFO_BLOCK_SIZE = 0, 3
_HAS_FLAGS, _CAN_FLUSH = 1, 4
_REQUEST, _REPLY = 0x25609513, 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_INVALID: Final = 22  # EINVAL
_MOST_AT_ONCE: Final = 32 << 20


class VolatileDisk:
    """Serves `file` at the unix socket `address` to one client after the other, in a thread, until cut()."""

    def __init__(self, file: Path, address: Path) -> None:
        self._cache = Cache(file)
        self._works = threading.Lock()  # held for each request, and for ever once the power is gone
        self._writes_left: int | None = None  # until the disk falls silent; None: it does not
        self._silent = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(address))
        self._listener.listen()
        threading.Thread(target=self._serve, name="disk", daemon=True).start()

    def silence(self, writes: int, seconds: float) -> None:
        """Waits for `writes` more, or so many seconds. Then nothing is answered, and a cut finds unflushed ones."""
        with self._works:
            self._writes_left = writes
        self._silent.wait(seconds)

    def cut(self, seed: int | None) -> str:
        """The power goes: nothing is answered any more, and what was not flushed is lost as `seed` says (Cache.lose).

        Tells how much it was.
        """
        self._works.acquire()
        lost, kept = self._cache.lose(seed)
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a client
        self._listener.close()
        self._cache.close()
        return f"{lost} of {lost + kept} blocks that were not flushed are lost"

    def _count_write(self) -> bool:
        """One more for silence(); whether that was the last."""
        if self._writes_left is not None:
            self._writes_left -= 1
            if self._writes_left <= 0:
                self._silent.set()
        return self._silent.is_set()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            with connection, connection.makefile("rwb") as stream:
                try:
                    if self._agree(stream):
                        while self._answer(stream):
                            pass
                except (EOFError, OSError):
                    continue  # the machine has ended

    def _agree(self, stream: io.BufferedRWPair) -> bool:
        """The negotiation; False when the client wants nothing more."""
        _send(stream, _MAGIC + struct.pack(">H", _FIXED_NEWSTYLE | _NO_ZEROES))
        _need(stream, 4)
        while True:
            _, option, size = struct.unpack(">QII", _need(stream, 16))
            _need(stream, size)
            if option in (_OPTION_INFO, _OPTION_GO):
                export = struct.pack(">HQH", _INFO_EXPORT, self._cache.size, _HAS_FLAGS | _CAN_FLUSH)
                sizes = struct.pack(">HIII", _INFO_BLOCK_SIZE, 512, BLOCK, _MOST_AT_ONCE)
                for kind, data in ((_REPLY_INFO, export), (_REPLY_INFO, sizes), (_REPLY_ACK, b"")):
                    _send(stream, struct.pack(">QIII", _OPTION_REPLY, option, kind, len(data)) + data)
                if option == _OPTION_GO:
                    return True
            elif option == _OPTION_ABORT:
                _send(stream, struct.pack(">QIII", _OPTION_REPLY, option, _REPLY_ACK, 0))
                return False
            else:
                _send(stream, struct.pack(">QIII", _OPTION_REPLY, option, _REPLY_UNSUPPORTED, 0))

    def _answer(self, stream: io.BufferedRWPair) -> bool:
        """One request; False when it was the last."""
        magic, _, command, handle, start, size = struct.unpack(">IHHQQI", _need(stream, 28))
        data = _need(stream, size) if command == _WRITE else b""
        if magic != _REQUEST or command == _DISCONNECT:
            return False
        error, out = 0, b""
        with self._works:
            if self._silent.is_set():
                return True
            if command not in (_READ, _WRITE, _FLUSH) or start + size > self._cache.size:
                error = _INVALID
            elif command == _READ:
                out = self._cache.read(start, size)
            elif command == _WRITE:
                self._cache.write(start, data)
                if self._count_write():
                    return True
            else:
                self._cache.flush()
            _send(stream, struct.pack(">IIQ", _REPLY, error, handle) + out)
        return True


def _need(stream: io.BufferedRWPair, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _send(stream: io.BufferedRWPair, data: bytes) -> None:
    stream.write(data)
    stream.flush()
