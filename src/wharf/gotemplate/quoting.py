"""Text as Go's %q writes it."""


def quoted(text: str) -> str:
    """`text` as a Go string literal."""
    parts = ['"']
    for letter in text:
        if letter in '"\\':
            parts.append("\\" + letter)
        elif letter.isprintable():
            parts.append(letter)
        else:
            named = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
            code = ord(letter)
            other = f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
            parts.append(named.get(letter) or other)
    return "".join([*parts, '"'])
