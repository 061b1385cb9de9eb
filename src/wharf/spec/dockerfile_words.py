"""Words of a Dockerfile instruction: lists in JSON, quotes, escapes and `$VARIABLES`. Pure.

Source: the Dockerfile reference, "Shell and exec form" and "Environment replacement".
"""

import json
from collections.abc import Mapping
from typing import Final

from wharf.errors import InvalidArgument

#: A space that parts words; those that are quoted or escaped do not become it.
_BREAK: Final = "\0"


def json_list(text: str) -> list[str] | None:
    """The words of the JSON form, None when it is the other one."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(word, str) for word in value) else None


def raw_words(text: str) -> list[str]:
    """Parts at spaces outside of quotes; quotes and escapes stay."""
    words, word, quote = [], "", ""
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "\\" and quote != "'" and at + 1 < len(text):
            word += text[at : at + 2]
            at += 2
            continue
        if letter in "\"'" and quote in ("", letter):
            quote = "" if quote else letter
        if letter.isspace() and not quote:
            if word:
                words.append(word)
            word = ""
        else:
            word += letter
        at += 1
    return [*words, word] if word else words


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """With variables in their places, without quotes and escapes. Raises InvalidArgument."""
    return _Scanner(text, variables).whole().replace(_BREAK, " ")


def expanded_words(text: str, variables: Mapping[str, str]) -> list[str]:
    """The same, parted at spaces that are neither quoted nor escaped, also at those of variables."""
    return [word for word in _Scanner(text, variables).whole().split(_BREAK) if word]


class _Scanner:
    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._at = 0
        self._variables = variables

    def whole(self) -> str:
        found = self._until("")
        if self._at < len(self._text):
            raise InvalidArgument(f"unexpected {self._text[self._at]!r} in {self._text!r}")
        return found

    def _until(self, end: str) -> str:
        found = ""
        while self._at < len(self._text) and self._text[self._at] != end:
            letter = self._next()
            if letter == "'":
                found += self._single()
            elif letter == '"':
                found += self._double()
            elif letter == "\\":
                found += self._next() if self._at < len(self._text) else letter
            elif letter == "$":
                found += "".join(_BREAK if one.isspace() else one for one in self._variable())
            else:
                found += _BREAK if letter.isspace() else letter
        return found

    def _next(self) -> str:
        letter = self._text[self._at]
        self._at += 1
        return letter

    def _single(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise InvalidArgument("unexpected end of statement while looking for matching single-quote")
        found, self._at = self._text[self._at : end], end + 1
        return found

    def _double(self) -> str:
        found = ""
        while self._at < len(self._text):
            letter = self._next()
            if letter == '"':
                return found
            if letter == "\\" and self._text[self._at : self._at + 1] in ('"', "$", "\\"):
                found += self._next()
            else:
                found += self._variable() if letter == "$" else letter
        raise InvalidArgument("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        """What follows a dollar sign; without a name it stands for itself."""
        if self._text[self._at : self._at + 1] == "{":
            self._at += 1
            return self._in_braces()
        name = self._name()
        return self._variables.get(name, "") if name else "$"

    def _name(self) -> str:
        start = self._at
        while self._at < len(self._text) and (self._text[self._at] == "_" or self._text[self._at].isalnum()):
            self._at += 1
        return self._text[start : self._at]

    def _in_braces(self) -> str:
        name = self._name()
        modifier = ""
        while self._text[self._at : self._at + 1] in (":", "-", "+", "?") and len(modifier) < 2:
            modifier += self._next()
            if modifier != ":":
                break
        word = self._until("}").replace(_BREAK, " ")
        if self._at >= len(self._text):
            raise InvalidArgument(f"syntax error: missing '}}' in {self._text!r}")
        self._at += 1
        return self._modified(name, modifier, word)

    def _modified(self, name: str, modifier: str, word: str) -> str:
        value = self._variables.get(name)
        there = bool(value) if modifier.startswith(":") else value is not None
        match modifier[-1:]:
            case "" if name and not word:
                return value or ""
            case "-":
                return value or "" if there else word
            case "+":
                return word if there else ""
            case "?":
                if not there:
                    raise InvalidArgument(f"{name}: {word or 'not set'}")
                return value or ""
        raise InvalidArgument(f"unsupported modifier in substitution of {name!r}")
