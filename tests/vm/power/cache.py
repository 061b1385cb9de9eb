"""The volatile cache of a disk, over a file: what is not flushed when the power goes is lost, all or a part of it."""

import os
import random
from pathlib import Path
from typing import Final

#: What a disk writes whole, bytes.
BLOCK: Final = 4096


class Cache:
    """All offsets and sizes are bytes, inside the file. Not for several threads at once."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        self._blocks: dict[int, bytearray] = {}  # written and not flushed, by number

    def read(self, start: int, size: int) -> bytes:
        first, end = start // BLOCK, -(-(start + size) // BLOCK)
        if self._blocks.keys().isdisjoint(range(first, end)):
            return os.pread(self._file, size, start)
        blocks = b"".join(self._block(number) for number in range(first, end))
        return blocks[start - first * BLOCK :][:size]

    def write(self, start: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            number, inside = divmod(start + done, BLOCK)
            piece = data[done : done + BLOCK - inside]
            block = self._blocks[number] = self._block(number)
            block[inside : inside + len(piece)] = piece
            done += len(piece)

    def _block(self, number: int) -> bytearray:
        found = self._blocks.get(number)
        return bytearray(os.pread(self._file, BLOCK, number * BLOCK)) if found is None else found

    def flush(self) -> None:
        for number in list(self._blocks):
            self._keep(number)

    def _keep(self, number: int) -> None:
        os.pwrite(self._file, self._blocks.pop(number), number * BLOCK)

    def lose(self, seed: int | None) -> tuple[int, int]:
        """The power goes: blocks that were not flushed are lost, all or, with a seed, a part that it chooses.

        So writes seem to have been reordered. How many were lost, and how many kept.
        """
        chance = random.Random(seed)
        share = 0.0 if seed is None else chance.random()
        kept = [number for number in sorted(self._blocks) if chance.random() < share]
        for number in kept:
            self._keep(number)
        lost = len(self._blocks)
        self._blocks.clear()
        return lost, len(kept)

    def close(self) -> None:
        os.close(self._file)
