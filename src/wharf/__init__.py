"""Wharf: a container platform. The floors and rooms are listed in docs/rooms.md."""

__version__ = "0.1.0"
