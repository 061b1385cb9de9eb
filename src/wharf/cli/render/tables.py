"""Text in columns, aligned as Go's tabwriter does it for docker: at least 10 wide, 3 blanks between."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_WIDTH = 10
PADDING = 3


def align(rows: "Sequence[Sequence[str]]", *, least: int = LEAST_WIDTH, padding: int = PADDING) -> str:
    """Lines of cells. A column spans neighbouring lines that have a cell after it; a line's last cell is free."""
    lines = [""] * len(rows)
    _fill(rows, lines, 0, 0, len(rows), least, padding)
    return "".join(f"{line}\n" for line in lines)


def _fill(
    rows: "Sequence[Sequence[str]]", lines: list[str], column: int, start: int, end: int, least: int, padding: int
) -> None:
    at = start
    while at < end:
        if len(rows[at]) <= column + 1:
            if len(rows[at]) == column + 1:
                lines[at] += rows[at][column]
            at += 1
            continue
        stop = at
        while stop < end and len(rows[stop]) > column + 1:
            stop += 1
        width = max(least, max(len(row[column]) for row in rows[at:stop]) + padding)
        for index in range(at, stop):
            lines[index] += rows[index][column].ljust(width)
        _fill(rows, lines, column + 1, at, stop, least, padding)
        at = stop
