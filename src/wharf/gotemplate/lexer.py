"""From text to tokens."""

from wharf.errors import InvalidArgument

LEFT, RIGHT = "{{", "}}"
BLANKS = " \t\r\n"


class BadTemplate(InvalidArgument):
    """The text is Go's, for people who know it from there."""


class Token:
    """`kind`: text, left, right, field, variable, word, string, number, or an operator. `names`: fields after it."""

    __slots__ = ("at", "kind", "names", "source", "value")

    def __init__(self, kind: str, value: object, at: int, source: str, names: "tuple[str, ...]" = ()) -> None:
        self.kind = kind
        self.value = value
        self.at = at
        self.source = source
        self.names = names


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def split(text: str) -> list[Token]:
    """Raises BadTemplate."""
    tokens: list[Token] = []
    at = 0
    while True:
        left = text.find(LEFT, at)
        if left < 0:
            tokens.append(Token("text", text[at:], at, ""))
            return [token for token in tokens if token.kind != "text" or token.value]
        plain = text[at:left]
        start = left + len(LEFT)
        if text[start : start + 1] == "-" and text[start + 1 : start + 2] in tuple(BLANKS):
            plain = plain.rstrip(BLANKS)
            start += 2
        tokens.append(Token("text", plain, at, ""))
        if text.startswith("/*", start):
            at = _skip_comment(text, start)
            continue
        tokens.append(Token("left", "", left, ""))
        at = _split_action(text, start, tokens)


def _skip_comment(text: str, at: int) -> int:
    end = text.find("*/", at)
    if end < 0:
        raise BadTemplate(f"template: :{line_of(text, at)}: unclosed comment")
    end += 2
    trims = text[end : end + 1] in tuple(BLANKS) and text[end + 1 : end + 2] == "-"
    end += 2 if trims else 0
    if not text.startswith(RIGHT, end):
        raise BadTemplate(f"template: :{line_of(text, at)}: comment ends before closing delimiter")
    return _after(text, end + len(RIGHT), trims)


def _after(text: str, at: int, trims: bool) -> int:
    while trims and at < len(text) and text[at] in BLANKS:
        at += 1
    return at


def _split_action(text: str, at: int, tokens: list[Token]) -> int:
    while True:
        rest = text[at : at + 4].lstrip(BLANKS)
        if text[at : at + 1] in tuple(BLANKS) and rest.startswith("-}}"):
            at = text.index("-", at)
            tokens.append(Token("right", "", at, ""))
            return _after(text, at + 3, True)
        if text.startswith(RIGHT, at):
            tokens.append(Token("right", "", at, ""))
            return at + len(RIGHT)
        if at >= len(text):
            raise BadTemplate(f"template: :{line_of(text, at)}: unclosed action")
        if text[at] in BLANKS:
            at += 1
            continue
        token, at = _next(text, at)
        tokens.append(token)


def _next(text: str, at: int) -> tuple[Token, int]:
    letter, start = text[at], at
    if letter in "\"`'":
        return _string(text, at)
    if letter == "." and not text[at + 1 : at + 2].isdigit():
        names, at = _fields(text, at)
        at = at if names else at + 1
        return Token("field", "", start, text[start:at], names), at
    if letter == "$":
        _, at = _word(text, at + 1)
        name = text[start:at]
        names, at = _fields(text, at)
        return Token("variable", name, start, text[start:at], names), at
    if letter == ")":
        names, at = _fields(text, at + 1)
        return Token(")", "", start, text[start:at], names), at
    if text.startswith(":=", at):
        return Token(":=", "", at, ":="), at + 2
    if letter in "(|,=":
        return Token(letter, "", at, letter), at + 1
    if letter.isdigit() or (letter in "+-." and text[at + 1 : at + 2].isdigit()):
        return _number(text, at)
    if letter.isalpha() or letter == "_":
        word, at = _word(text, at)
        return Token("word", word, start, word), at
    raise BadTemplate(f"template: :{line_of(text, at)}: unexpected {letter!r} in command".replace("'", '"'))


def _word(text: str, at: int) -> tuple[str, int]:
    start = at
    while at < len(text) and (text[at].isalnum() or text[at] == "_"):
        at += 1
    return text[start:at], at


def _fields(text: str, at: int) -> "tuple[tuple[str, ...], int]":
    names = []
    while text[at : at + 1] == "." and (text[at + 1 : at + 2].isalpha() or text[at + 1 : at + 2] == "_"):
        name, at = _word(text, at + 1)
        names.append(name)
    return tuple(names), at


def _number(text: str, at: int) -> tuple[Token, int]:
    start = at
    at += 1
    while at < len(text) and (text[at].isalnum() or text[at] in "._"):
        at += 1
    source = text[start:at]
    try:
        return Token("number", int(source, 0), start, source), at
    except ValueError:
        pass  # perhaps a fraction
    try:
        return Token("number", float(source), start, source), at
    except ValueError:
        raise BadTemplate(f'template: :{line_of(text, start)}: bad number syntax: "{source}"') from None


ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


def _string(text: str, at: int) -> tuple[Token, int]:
    start, quote = at, text[at]
    what = {"`": "raw quoted string", "'": "character constant"}.get(quote, "quoted string")
    parts = []
    at += 1
    while True:
        letter = text[at : at + 1]
        if not letter or (letter == "\n" and quote != "`"):
            raise BadTemplate(f"template: :{line_of(text, start)}: unterminated {what}")
        at += 1
        if letter == quote:
            break
        if letter == "\\" and quote != "`":
            letter, at = _escape(text, at)
        parts.append(letter)
    value = "".join(parts)
    source = text[start:at]
    return Token("number", ord(value[:1] or "\0"), start, source) if quote == "'" else Token(
        "string", value, start, source
    ), at


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at : at + 1]
    width = {"x": 2, "u": 4, "U": 8}.get(letter)
    if width:
        digits = text[at + 1 : at + 1 + width]
        try:
            return chr(int(digits, 16)), at + 1 + width
        except ValueError:
            letter = ""
    if letter not in ESCAPES or not letter:
        raise BadTemplate(f"template: :{line_of(text, at)}: invalid syntax")
    return ESCAPES[letter], at + 1
