"""What the API asks of the engine, written down as protocols so that the server can be tested without one."""

from typing import Any

Engine = Any
