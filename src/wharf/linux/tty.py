"""Terminals: sizes, and the master's end of a new pseudo terminal."""

import fcntl
import struct
import termios


def set_size(fd: int, height: int, width: int) -> None:
    """TIOCSWINSZ: the foreground processes of the terminal get SIGWINCH."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height & 0xFFFF, width & 0xFFFF, 0, 0))


def size(fd: int) -> tuple[int, int]:
    """Height and width of the terminal."""
    height, width, _, _ = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return int(height), int(width)
