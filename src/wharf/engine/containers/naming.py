"""Names and ids of containers. Pure, but for the random numbers that the caller hands in."""

import re
from typing import Final

from wharf.errors import InvalidArgument

_NAME: Final = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")

_ADJECTIVES: Final = """
    able amber ample brave breezy bright brisk calm candid clear clever coastal cool cosy crisp daring deft
    eager early earnest fair fast fleet fond frank fresh gentle glad golden good grand hardy hearty honest
    humble jolly keen kind level lively loyal lucky mellow merry mild modest neat nimble noble patient placid
    plucky polite proud prudent quick quiet rapid ready robust rosy sage salty serene sharp silent sleek
    smooth snug sober solid sound spry stable steady sturdy sunny sure swift tidy tranquil trim true trusty
    upbeat vivid warm wise witty zesty
""".split()

_NOUNS: Final = """
    anchor barge beacon bollard bosun bow brig buoy canal capstan caravel cargo chart clipper coast cog
    compass coracle corvette crane crew current cutter deck delta derrick dinghy dock dory drift ebb ferry
    fjord fleet frigate galleon galley gangway gull halyard harbor haven helm hold hull inlet islet jetty junk
    keel ketch knot lagoon lantern ledger lighter lock log lugger mainsail mast mooring oar packet pier pilot
    pinnace porter prow quay raft reef regatta rigging rudder sail schooner seamark sextant shoal skiff
    skipper slipway sloop sonar spar steamer stern strait swell tackle tender tide tiller trawler tug vessel
    voyage wake warehouse waypoint winch yawl
""".split()


def generate(number: int, attempt: int = 0) -> str:
    """A name for people, such as `swift_harbor`. After a clash call again with attempt 1, 2 …: a digit is added."""
    adjective = _ADJECTIVES[number % len(_ADJECTIVES)]
    noun = _NOUNS[number // len(_ADJECTIVES) % len(_NOUNS)]
    return f"{adjective}_{noun}{attempt or ''}"


def parse(text: str) -> str:
    """A user's name for a container, without the leading slash. Raises InvalidArgument in dockerd's words."""
    if not _NAME.fullmatch(text):
        raise InvalidArgument(f"Invalid container name ({text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return text.removeprefix("/")
