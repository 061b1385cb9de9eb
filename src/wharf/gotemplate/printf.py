"""Go's Sprintf, for the verbs that templates use."""

from wharf.gotemplate.functions import show
from wharf.gotemplate.quoting import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def printf(form: str, *values: "Any") -> str:
    parts = []
    rest = list(values)
    at = 0
    while at < len(form):
        percent = form.find("%", at)
        if percent < 0:
            parts.append(form[at:])
            break
        parts.append(form[at:percent])
        at = percent + 1
        start = at
        while form[at : at + 1] and form[at] in "+-# 0123456789.*":
            if form[at] == "*" and rest:
                form = f"{form[:at]}{rest.pop(0)}{form[at + 1 :]}"
                continue
            at += 1
        flags, verb = form[start:at], form[at : at + 1]
        at += 1
        if verb == "%":
            parts.append("%")
        elif not verb:
            parts.append("%!(NOVERB)")
        elif not rest:
            parts.append(f"%!{verb}(MISSING)")
        else:
            parts.append(_format(flags, verb, rest.pop(0)))
    if rest:
        parts.append("%!(EXTRA " + ", ".join(f"{type(value).__name__}={show(value)}" for value in rest) + ")")
    return "".join(parts)


def _format(flags: str, verb: str, value: "Any") -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if verb in "vs" and not (verb == "s" and number):
        return f"%{flags}s" % show(value)
    if verb == "q" and isinstance(value, str):
        return f"%{flags}s" % quoted(value)
    if verb == "t" and isinstance(value, bool):
        return f"%{flags}s" % show(value)
    if verb in "doxXc" and number and isinstance(value, int):
        return f"%{flags}{verb}" % value
    if verb == "b" and isinstance(value, int):
        return f"%{flags}s" % format(value, "b")
    if verb in "xX" and isinstance(value, str):
        digits = value.encode().hex()
        return f"%{flags}s" % (digits.upper() if verb == "X" else digits)
    if verb in "feEgG" and isinstance(value, float):
        return f"%{flags}{verb}" % value
    if verb == "T":
        return {bool: "bool", int: "int", float: "float64", str: "string"}.get(type(value), "interface {}")
    kind = {bool: "bool", int: "int", float: "float64", str: "string"}.get(type(value), "interface {}")
    return f"%!{verb}({kind}={show(value)})"
