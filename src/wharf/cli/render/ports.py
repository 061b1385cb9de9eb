"""The PORTS column."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def show_ports(ports: "list[dict[str, Any]]") -> str:
    """Neighbouring ports that keep their number are shown as a range; mappings to another number one by one, last."""
    groups: dict[tuple[str, str], list[int]] = {}  # (address, protocol): first and last of the open range
    ranges, mappings = [], []
    for port in sorted(ports, key=_order):
        address, private, public, kind = _order_parts(port)
        if address and public != private:
            mappings.append(f"{join_port(address, public)}->{private}/{kind}")
            continue
        group = groups.get((address, kind))
        if group is not None and private == group[1] + 1:
            group[1] = private
            continue
        if group is not None:
            ranges.append(_show(address, kind, *group))
        groups[address, kind] = [private, private]
    ranges += [_show(address, kind, *group) for (address, kind), group in groups.items()]
    return ", ".join(ranges + mappings)


def join_port(address: str, port: object) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _order_parts(port: "dict[str, Any]") -> tuple[str, int, int, str]:
    return port.get("IP", ""), port.get("PrivatePort", 0), port.get("PublicPort", 0), port.get("Type", "")


def _order(port: "dict[str, Any]") -> tuple[int, str, int, str]:
    address, private, public, kind = _order_parts(port)
    return private, address, public, kind


def _show(address: str, kind: str, first: int, last: int) -> str:
    span = str(first) if first == last else f"{first}-{last}"
    return f"{join_port(address, span)}->{span}/{kind}" if address else f"{span}/{kind}"
