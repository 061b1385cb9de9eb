"""Templates over lists, as `ps --format` and its like have them."""

from wharf.cli.render.tables import align
from wharf.gotemplate.evaluate import Evaluation
from wharf.gotemplate.functions import FUNCTIONS, HEADER_FUNCTIONS, LAZY, to_json
from wharf.gotemplate.lexer import BadTemplate
from wharf.gotemplate.parser import parse_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wharf.cli.render.listing import Listing


class _Row:
    """A row whose columns are computed when a template asks for them."""

    __slots__ = ("_listing", "_row")

    def __init__(self, listing: "Listing", row: "Any") -> None:
        self._listing = listing
        self._row = row

    def field(self, name: str, arguments: "list[Any]") -> "Any":
        listing = self._listing
        if name in listing.methods:
            return listing.methods[name](self._row, *arguments)
        if name not in listing.columns:
            raise LookupError(f"can't evaluate field {name} in type {listing.kind}")
        return listing.columns[name][1](self._row)

    def as_json(self) -> str:
        """All columns. With Go's escapes for HTML, as docker has them here and nowhere else."""
        columns = self._listing.columns
        text = to_json({name: columns[name][1](self._row) for name in sorted(columns)})
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Header:
    """The names of the columns, in place of a row."""

    __slots__ = ("_listing",)

    def __init__(self, listing: "Listing") -> None:
        self._listing = listing

    def field(self, name: str, arguments: "list[Any]") -> "Any":
        if arguments:
            # `.Label "com.example.some-name"` is headed by what the label is called last.
            return str(arguments[0]).rpartition(".")[2].replace("-", " ").replace("_", " ")
        return self._listing.columns[name][0] if name in self._listing.columns else "<no value>"


def _look(value: "Any", name: str, arguments: "list[Any]", last: bool) -> "Any":
    if isinstance(value, _Row | _Header):
        return value.field(name, arguments)
    from wharf.cli.template.objects import look

    return look(value, name, arguments, last)


def show_rows(listing: "Listing", rows: "Iterable[Any]", format: str) -> str:
    """Raises BadTemplate, in docker's words."""
    if format == "json":
        return "".join(f"{to_json(_Row(listing, row))}\n" for row in rows)
    table = format.startswith("table")
    text = format.removeprefix("table").strip() if table else format
    text = text.replace("\\t", "\t").replace("\\n", "\n")
    try:
        nodes = parse_template(text, FUNCTIONS.keys() | LAZY)
        lines = [Evaluation(text, _look, HEADER_FUNCTIONS).run(nodes, _Header(listing))] if table else []
        lines += [Evaluation(text, _look).run(nodes, _Row(listing, row)) for row in rows]
    except BadTemplate as error:
        raise BadTemplate(f"template parsing error: {error}") from None
    if not table:
        return "".join(f"{line}\n" for line in lines)
    return align([line.split("\t") for shown in lines for line in shown.split("\n")])
