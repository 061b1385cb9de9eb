"""Compiling a seccomp profile to the kernel's BPF, by libseccomp.

Takes the `linux.seccomp` object of the OCI runtime specification (config-linux.md#seccomp).
"""

import ctypes
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

_ACTIONS: Final = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_WITH_NUMBER: Final = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_OPERATORS: Final = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_EPERM: Final = 1
_NO_SUCH_SYSCALL: Final = -1
_ATTRIBUTE_OPTIMIZE: Final = 8
_BINARY_TREE: Final = 2
_EEXIST: Final = -17


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class Unsupported(Exception):
    """libseccomp is not on this machine, or cannot do what the profile asks."""


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise Unsupported(f"libseccomp: {error}") from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    )
    return library


def compile_profile(profile: Mapping[str, Any]) -> bytes:
    """The filter as raw struct sock_filter. Names that this libseccomp does not know are left out, so refused.

    Raises Unsupported.
    """
    library = _library()
    default = _action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    context = library.seccomp_init(default)
    if not context:
        raise Unsupported("libseccomp refused the default action")
    try:
        for name in profile.get("architectures", ()):
            _add_architecture(library, context, name)
        for rule in profile.get("syscalls", ()):
            _add_rule(library, context, rule, default)
        # A tree instead of a list: a late system call costs a few comparisons, not hundreds. Older ones lack it.
        library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _action(name: str, number: int | None) -> int:
    if name not in _ACTIONS:
        raise Unsupported(f"seccomp action {name}")
    value = _ACTIONS[name]
    return value | (_EPERM if number is None else number) if name in _WITH_NUMBER else value


def _add_architecture(library: ctypes.CDLL, context: int, name: str) -> None:
    token = library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
    if token == 0:
        raise Unsupported(f"seccomp architecture {name}")
    if (result := library.seccomp_arch_add(context, token)) not in (0, _EEXIST):
        raise Unsupported(f"seccomp architecture {name}: {os.strerror(-result)}")


def _add_rule(library: ctypes.CDLL, context: int, rule: Mapping[str, Any], default: int) -> None:
    action = _action(rule["action"], rule.get("errnoRet"))
    if action == default:
        return  # libseccomp takes that for a mistake
    arguments = [
        _Comparison(one["index"], _OPERATORS[one["op"]], one["value"], one.get("valueTwo", 0))
        for one in rule.get("args", ())
    ]
    array = (_Comparison * len(arguments))(*arguments)
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == _NO_SUCH_SYSCALL:
            continue
        result = library.seccomp_rule_add_array(context, action, number, len(arguments), array)
        if result != 0:
            raise Unsupported(f"seccomp rule for {name}: {os.strerror(-result)}")


def _export(library: ctypes.CDLL, context: int) -> bytes:
    with open(os.memfd_create("seccomp"), "w+b") as file:  # noqa: PTH123  # a descriptor, not a path
        if (result := library.seccomp_export_bpf(context, file.fileno())) != 0:
            raise Unsupported(f"seccomp export: {os.strerror(-result)}")
        file.seek(0)
        return file.read()
