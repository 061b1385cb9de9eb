"""--filter, as the API wants it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wharf.client.containers import Filters


def read_filters(pairs: "list[tuple[str, str]]") -> "Filters":
    """{name: {value: true}}"""
    filters: Filters = {}
    for name, value in pairs:
        filters.setdefault(name, {})[value] = True
    return filters
