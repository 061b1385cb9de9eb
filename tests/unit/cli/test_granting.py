"""What a user reads before granting a plugin what it wants."""

import pytest

from wharf.cli.commands.plugin.fetching import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/höhe", "/srv/höhe"),
        ("/\x1b[8m", "/\\u{1b}[8m"),  # from here on nothing would be seen
        ("/tmp\r - mount: [/tmp]\n", "/tmp\\u{d} - mount: [/tmp]\\u{a}"),
        ("\u202e/cte", "\\u{202e}/cte"),
    ],
)
def test_a_plugin_cannot_hide_what_it_wants(text: str, shown: str) -> None:
    assert plain(text) == shown
