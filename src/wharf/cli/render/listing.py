"""Lists of things: a table of the usual columns, or what --format asks for."""

from wharf.cli.output import out
from wharf.cli.render.tables import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from wharf.cli.command import Call

    # By name: the header, and what shows a row's value.
    Columns = Mapping[str, tuple[str, Callable[[Any], Any]]]
    Methods = Mapping[str, Callable[..., str]]


class Listing:
    """What can be shown of one kind of thing.

    `usual` are the columns when nothing is asked for; `methods` take arguments in a template (`{{.Label "x"}}`) and
    are not part of the JSON form. `kind` is how docker calls the row's type in errors.
    """

    __slots__ = ("columns", "kind", "methods", "usual")

    def __init__(self, kind: str, columns: "Columns", usual: "Sequence[str]", methods: "Methods | None" = None) -> None:
        self.kind = kind
        self.columns = columns
        self.usual = usual
        self.methods = methods or {}

    def show(self, rows: "Iterable[Any]", format: str, usual: "Sequence[str] | None" = None) -> str:
        """The text of all rows. Raises EngineError for a template that is wrong."""
        if format in ("", "table"):
            names = usual or self.usual
            shown = [[_text(self.columns[name][1](row)) for name in names] for row in rows]
            return align([[self.columns[name][0] for name in names], *shown])
        from wharf.cli.template.rows import show_rows

        return show_rows(self, rows, format)


def _text(value: "Any") -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def print_listing(call: "Call", listing: Listing, rows: "Iterable[Any]", setting: str, *, quiet: str = "ID") -> int:
    """As --format, --quiet (the column `quiet`) and `setting` of the user's configuration ask for it.

    Raises EngineError for a template that is wrong.
    """
    options = call.options
    format = options["format"] or ("" if options["quiet"] else call.config.get(setting, ""))
    if options["quiet"] and format in ("", "table"):
        out("".join(f"{listing.columns[quiet][1](row)}\n" for row in rows))
    else:
        out(listing.show(rows, format))
    return 0
