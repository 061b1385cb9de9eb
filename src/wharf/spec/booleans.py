"""Truth as Go's strconv.ParseBool reads it: so docker's flags, and many options and parameters of its API, are written.

Quick to import: each command does.
"""

_WORDS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def parse_bool(text: str) -> bool:
    """Raises ValueError, with Go's text."""
    if text not in _WORDS:
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return _WORDS[text]
