"""For a browser: containers on the left, networks on the right, a line for each place. Sizes are pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from wharf.cli.topology.model import Topology
from wharf.cli.topology.text import describe

LINE: Final = 18
PADDING: Final = 12
GAP: Final = 18  # between boxes
CHARACTER: Final = 8  # about the width of one, in this size of a monospaced font
BETWEEN: Final = 240  # from one column to the other

_STYLE: Final = (
    "text{font:13px monospace;fill:#222}.title{font-weight:bold}rect{stroke:#456;fill:#eef4fa}"
    ".network{fill:#fdf6e3;stroke:#a80}.stopped{stroke-dasharray:5 4;fill:#f4f4f4}"
    "line{stroke:#789}.address{font-size:11px;fill:#567}"
)


@dataclass(frozen=True, slots=True)
class Box:
    lines: tuple[str, ...]
    kind: str  # its class in the style sheet
    x: int
    y: int
    width: int

    @property
    def height(self) -> int:
        return len(self.lines) * LINE + PADDING

    @property
    def middle(self) -> int:
        return self.y + self.height // 2


def draw(topology: Topology) -> str:
    """A whole document. All names are escaped: they come from a daemon that need not be ours."""
    containers = column(
        [((one.name, *one.ports), "" if one.state == "running" else "stopped") for one in topology.containers], GAP
    )
    right = GAP + (containers[0].width if containers else 0) + BETWEEN
    networks = column([(tuple(describe(one)), "network") for one in topology.networks], right)
    boxes = [*containers, *networks]
    width = max((box.x + box.width for box in boxes), default=0) + GAP
    height = max((box.y + box.height for box in boxes), default=0) + GAP
    by_id = dict(zip((one.id for one in topology.containers), containers, strict=True))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
            f"<style>{_STYLE}</style>",
            *_lines(topology, by_id, networks),
            *(line for box in boxes for line in _box(box)),
            "</svg>\n",
        ]
    )


def column(entries: Sequence[tuple[tuple[str, ...], str]], x: int) -> list[Box]:
    """Boxes one below the other, as wide as the longest line."""
    width = max((len(line) for lines, _ in entries for line in lines), default=0) * CHARACTER + 2 * PADDING
    boxes: list[Box] = []
    y = GAP
    for lines, kind in entries:
        boxes.append(Box(lines, kind, x, y, width))
        y += boxes[-1].height + GAP
    return boxes


def _lines(topology: Topology, containers: dict[str, Box], networks: Sequence[Box]) -> Iterator[str]:
    for network, target in zip(topology.networks, networks, strict=True):
        for place in network.places:
            source = containers[place.container]
            x, y = source.x + source.width, source.middle
            yield f'<line x1="{x}" y1="{y}" x2="{target.x}" y2="{target.middle}"/>'
            # Nearer to the container, where lines to different networks have parted already but not met others.
            at = (x + (target.x - x) // 4, y + (target.middle - y) // 4 - 3)
            yield f'<text class="address" x="{at[0]}" y="{at[1]}">{escape(" ".join(place.addresses))}</text>'


def _box(box: Box) -> Iterator[str]:
    yield f'<rect class="{box.kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="4"/>'
    for number, line in enumerate(box.lines):
        kind = ' class="title"' if number == 0 else ""
        yield f'<text{kind} x="{box.x + PADDING}" y="{box.y + PADDING // 2 + LINE * number + 13}">{escape(line)}</text>'
