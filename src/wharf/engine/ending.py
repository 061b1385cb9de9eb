"""What becomes of what runs when the engine closes."""

from dataclasses import dataclass


@dataclass(slots=True)
class Ending:
    """As configured, until somebody knows better."""

    live_restore: bool  # containers and plugins go on, and the next engine finds them
