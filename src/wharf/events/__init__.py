"""The bus behind GET /events: what happened, told to who listens, and the latest of it kept for who asks later.

Nothing is kept on disk: a new daemon starts with an empty history. A slow reader never holds up a publisher.
"""

from wharf.events.bus import Bus, Subscription
from wharf.events.event import Event

__all__ = ["Bus", "Event", "Subscription"]
