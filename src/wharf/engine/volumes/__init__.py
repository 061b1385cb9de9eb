"""Volumes as the engine knows them: records, users, removal, and the copy of what an image has at their place.

Owns the table `volumes`; the directories are the driver's.
"""

from wharf.engine.volumes.record import Volume
from wharf.engine.volumes.service import Volumes

__all__ = ["Volume", "Volumes"]
