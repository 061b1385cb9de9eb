"""JSON without what the json package costs to import (about 5 ms: a third of a command; and memory in each spawner).

`_json` is CPython's own C part of json; where it is missing, json itself does the work.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _refuse(value: object) -> "Any":
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _open_encoder() -> "Callable[[Any, bool], str]":
    try:
        from _json import encode_basestring, make_encoder
    except ImportError:
        from json import dumps

        return lambda value, sort: dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)

    def encode(value: "Any", sort: bool) -> str:
        parts = make_encoder(None, _refuse, encode_basestring, None, ":", ",", sort, False, True)
        return "".join(parts(value, 0))

    return encode


_encode = _open_encoder()


def encode_json(value: "Any", *, sort: bool = False) -> str:
    """Compact JSON, as Go writes it without HTML escapes."""
    return _encode(value, sort)


class _ScannerOptions:
    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: "dict[str, str]" = {}  # noqa: RUF012  (what the C scanner asks for)


def _open_scanner() -> "Callable[[str], Any]":
    try:
        from _json import make_scanner
    except ImportError:
        from json import loads

        return loads
    scan = make_scanner(_ScannerOptions)  # type: ignore[arg-type]

    def decode(text: str) -> "Any":
        text = text.strip(" \t\n\r")
        try:
            value, end = scan(text, 0)
            if end == len(text):
                return value
        except (StopIteration, SystemError):
            pass  # where json.decoder is not loaded the scanner cannot say what is wrong
        from json import loads

        return loads(text)

    return decode


_decode = _open_scanner()


def decode_json(text: "str | bytes | bytearray") -> "Any":
    """The value of a JSON text. Raises ValueError when it is none, or has something behind it."""
    return _decode(text if isinstance(text, str) else text.decode())


def _open_quoting() -> "Callable[[str], str]":
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json.encoder import py_encode_basestring_ascii

        return py_encode_basestring_ascii
    return encode_basestring_ascii


#: A string as JSON of ASCII characters.
quoted = _open_quoting()
