"""Wire JSON to frozen values, once, with the rules of Go's encoding/json: null means absent, unknown members are
ignored, names match whatever their case, and faults are told in dockerd's words."""

import json
import types
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from wharf.api.extensions import translated
from wharf.api.messages import Request
from wharf.apitypes.containers import ContainerConfig, HostConfig, NetworkingConfig
from wharf.apitypes.execs import ExecConfig
from wharf.errors import InvalidArgument

T = TypeVar("T", bound=msgspec.Struct)
#: Makes a typed value of a JSON value. The second argument says where it stood, for the error.
_Reader = Callable[[Any, str], Any]

#: Lists that may also be given as a string, which then is the one element (Docker's StrSlice).
#: An exec's Cmd is not one of them.
_STRING_LISTS: Final = frozenset({"Cmd", "Entrypoint", "Shell", "CapAdd", "CapDrop"})
_INT64: Final = 1 << 63


async def json_body(request: Request, *, required: bool = False) -> Any:
    """The JSON of a body; None when it is empty and not `required`. Raises InvalidArgument, TooLarge."""
    body = await request.body.read_all()
    content_type = request.header(b"content-type")
    if not body and required and (not content_type or "json" in content_type):
        raise InvalidArgument("invalid JSON: got EOF while reading request body")
    if not body and not content_type:
        return None
    if content_type.split(";", 1)[0].strip().lower() != "application/json":
        raise InvalidArgument(f"unsupported Content-Type header ({content_type}): must be 'application/json'")
    return parse_json(body) if body else None


def parse_json(body: bytes) -> Any:
    """Raises InvalidArgument with the words of Go's parser."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise InvalidArgument("invalid JSON: exceeded max depth") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidArgument(_fault(body)) from None


def _fault(body: bytes) -> str:
    """What is wrong with a text that is no JSON."""
    text = body.decode("utf-8", "replace")
    try:
        json.loads(text)
    except RecursionError:
        return "invalid JSON: exceeded max depth"
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return "unexpected content after JSON"
        rest = text[error.pos :].lstrip(" \t\r\n")
        if not rest or error.msg.startswith("Unterminated string"):
            return "invalid JSON: unexpected EOF"
        for start, place in _PLACES.items():
            if error.msg.startswith(start):
                return f"invalid JSON: invalid character {_quoted(rest[0])} {place}"
        return f"invalid JSON: {error.msg}"
    return "invalid JSON: invalid UTF-8"


_PLACES: Final = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name": "looking for beginning of object key string",
    "Expecting ',' delimiter": "after object key:value pair or array element",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character": "in string literal",
    "Invalid \\": "in string escape code",
}


def _quoted(char: str) -> str:
    return "'\\''" if char == "'" else f"'{char}'" if char.isprintable() else repr(char)


def decode(value: Any, kind: type[T], name: str) -> T:
    """A struct from a JSON value; None gives its defaults. `name` is what errors call it. Raises InvalidArgument."""
    result: T = _reader(kind)(value, name)
    return result


def decode_list(value: Any, kind: type[T], name: str) -> list[T]:
    """A list of structs from a JSON value; None gives an empty one. Raises InvalidArgument."""
    if value is not None and not isinstance(value, list):
        raise _mismatch(value, name, name)
    return [decode(one, kind, name) for one in value or ()]


def decode_texts(value: Any, name: str) -> list[str]:
    """A list of strings from a JSON value; None gives an empty one. Raises InvalidArgument."""
    result: list[str] = _reader(list[str])(value, name)
    return result


def decode_create(value: Any) -> tuple[ContainerConfig, HostConfig, NetworkingConfig]:
    """The body of POST /containers/create: the configuration with two more members in the same object.

    Extensions that came as annotations are members like the others.
    """
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise _mismatch(value, "CreateRequest", "container.CreateRequest")
    members = {name.lower(): name for name in value}
    if not any(name in members for name in _wire_names(ContainerConfig)):
        raise InvalidArgument("config cannot be empty in order to create a container")
    return (
        decode(value, ContainerConfig, "CreateRequest"),
        translated(decode(value.get(members.get("hostconfig")), HostConfig, "CreateRequest.HostConfig")),
        decode(value.get(members.get("networkingconfig")), NetworkingConfig, "CreateRequest.NetworkingConfig"),
    )


@cache
def _wire_names(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name.lower() for field in msgspec.structs.fields(kind))


@cache
def _reader(kind: Any) -> _Reader:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct_reader(kind)
    origin = get_origin(kind)
    if origin is Annotated:
        return _range_reader(*get_args(kind))
    if origin in (Union, types.UnionType):
        return _optional_reader(kind)
    if origin is list:
        return _list_reader(kind)
    if origin is dict:
        return _dict_reader(kind)
    return _SCALARS[kind]


def _struct_reader(kind: type[msgspec.Struct]) -> _Reader:
    fields: dict[str, tuple[str, str, _Reader]] | None = None

    def prepare() -> dict[str, tuple[str, str, _Reader]]:
        # At first use, not at once: a struct may contain itself.
        found = {}
        for field in msgspec.structs.fields(kind):
            reader = _reader(field.type)
            if field.encode_name in _STRING_LISTS and kind is not ExecConfig:
                reader = _or_string(reader)
            found[field.encode_name] = (field.name, field.encode_name, reader)
        return found | {name.lower(): entry for name, entry in found.items()}

    def read(value: Any, place: str) -> Any:
        nonlocal fields
        if value is None:
            return kind()
        if not isinstance(value, dict):
            raise _mismatch(value, place, f"container.{kind.__name__}")
        if fields is None:
            fields = prepare()
        arguments = {}
        for name, member in value.items():
            if member is None:
                continue
            entry = fields.get(name) or fields.get(name.lower())
            if entry is not None:
                arguments[entry[0]] = entry[2](member, f"{place}.{entry[1]}")
        return kind(**arguments)

    return read


def _or_string(reader: _Reader) -> _Reader:
    return lambda value, place: [value] if isinstance(value, str) else reader(value, place)


def _range_reader(kind: Any, limits: msgspec.Meta) -> _Reader:
    """Of whole numbers of one of Go's sizes."""
    least, most = limits.ge, limits.le
    assert least is not None and most is not None

    def read(value: Any, place: str) -> Any:
        if value is None:
            return 0
        if type(value) is not int:
            raise _mismatch(value, place, str(limits.title))
        if not least <= value <= most:
            raise _mismatch(value, place, str(limits.title), shown=True)
        return value

    return read


def _optional_reader(kind: Any) -> _Reader:
    reader = _reader(next(part for part in get_args(kind) if part not in (type(None), msgspec.UnsetType)))
    return lambda value, place: None if value is None else reader(value, place)


def _list_reader(kind: Any) -> _Reader:
    element = _reader(get_args(kind)[0])
    go_name = _go_name(kind)

    def read(value: Any, place: str) -> Any:
        if value is None:
            return []
        if not isinstance(value, list):
            raise _mismatch(value, place, go_name)
        return [element(one, place) for one in value]

    return read


def _dict_reader(kind: Any) -> _Reader:
    element = _reader(get_args(kind)[1])
    go_name = _go_name(kind)

    def read(value: Any, place: str) -> Any:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _mismatch(value, place, go_name)
        return {name: element(one, place) for name, one in value.items()}

    return read


def _text(value: Any, place: str) -> Any:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _mismatch(value, place, "string")
    return value


def _flag(value: Any, place: str) -> Any:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _mismatch(value, place, "bool")
    return value


def _integer(value: Any, place: str) -> Any:
    if value is None:
        return 0
    if type(value) is not int or not -_INT64 <= value < _INT64:
        raise _mismatch(value, place, "int64")
    return value


_SCALARS: Final[dict[Any, _Reader]] = {
    str: _text,
    bool: _flag,
    int: _integer,
    Any: lambda value, place: value,
}


_GO_NAMES: Final[dict[Any, str]] = {str: "string", bool: "bool", int: "int64", Any: "interface {}"}


def _go_name(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is list:
        return "[]" + _go_name(get_args(kind)[0])
    if origin is dict:
        return "map[string]" + _go_name(get_args(kind)[1])
    if origin in (Union, types.UnionType):
        return "*" + _go_name(get_args(kind)[0])
    return _GO_NAMES[kind] if kind in _GO_NAMES else str(kind.__name__)


_FOUND: Final[dict[type, str]] = {str: "string", list: "array", dict: "object"}


def _mismatch(value: Any, place: str, wanted: str, *, shown: bool = False) -> InvalidArgument:
    """Go's json.UnmarshalTypeError. `shown`: it is a number, but not one that this type has."""
    if isinstance(value, bool):
        found = "bool"
    elif isinstance(value, int | float):
        shown = shown or isinstance(value, float) or not -_INT64 <= value < _INT64
        found = f"number {value}" if shown else "number"
    else:
        found = _FOUND.get(type(value), "null")
    where = f"Go struct field {place} of type {wanted}" if "." in place else f"Go value of type {wanted}"
    return InvalidArgument(f"invalid JSON: json: cannot unmarshal {found} into {where}")
