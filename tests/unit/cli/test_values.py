import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.cli.commands.container.kinds import read_bytes, read_cpus, split_fields
from wharf.cli.render.ports import show_ports
from wharf.cli.render.progress import Display, show_bar
from wharf.cli.render.tables import align
from wharf.cli.render.values import binary_size, ellipsis, short_id, size
from wharf.gotemplate.quoting import quoted


@pytest.mark.parametrize(
    ("count", "digits", "text"),
    [
        (0, 4, "0B"),
        (999, 4, "999B"),
        (1000, 4, "1kB"),
        (1982000, 3, "1.98MB"),
        (1982000, 4, "1.982MB"),
        (7460000, 3, "7.46MB"),
        (123456789, 3, "123MB"),
        (10**12, 4, "1TB"),
    ],
)
def test_sizes(count: int, digits: int, text: str) -> None:
    assert size(count, digits) == text


def test_memory_is_counted_in_powers_of_two() -> None:
    assert (binary_size(25_276_000_000), binary_size(512 * 2**20)) == ("23.54GiB", "512MiB")


def test_ids_and_commands_are_cut() -> None:
    assert short_id("sha256:0123456789abcdef") == "0123456789ab"
    assert (ellipsis("12345", 5), ellipsis("123456", 5)) == ("12345", "1234…")
    assert quoted('a"b\\c\n\x01é') == '"a\\"b\\\\c\\n\\x01é"'


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("17", 17), ("4k", 4096), ("512m", 2**29), ("512MB", 2**29), ("1.5GiB", 3 * 2**29), ("1 k", 1024)],
)
def test_sizes_that_are_read(text: str, count: int) -> None:
    assert read_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, f"invalid size: '{text}'") for text in ("", "m", "-1", "b")),
        ("1x", "invalid suffix: 'x'"),
        ("1Z", "invalid suffix: 'z'"),
        ("1e3", "invalid suffix: 'e3'"),
    ],
)
def test_sizes_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_bytes(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "count"), [("1.5", 1_500_000_000), ("1/2", 500_000_000), ("1e-9", 1), ("-1", -(10**9))]
)
def test_numbers_of_cpus(text: str, count: int) -> None:
    assert read_cpus(text) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "failed to parse x as a rational number"),
        ("1/0", "failed to parse 1/0 as a rational number"),
        ("1e-10", "value is too precise"),
    ],
)
def test_numbers_of_cpus_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_cpus(text)
    assert str(caught.value) == message


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters='"')), min_size=1))
def test_quoted_fields_keep_their_commas(fields: list[str]) -> None:
    assert split_fields(",".join(f'"{field}"' for field in fields)) == fields


def port(private: int, public: int = 0, address: str = "", kind: str = "tcp") -> dict[str, object]:
    return {"PrivatePort": private, "PublicPort": public, "IP": address, "Type": kind}


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([], ""),
        ([port(80)], "80/tcp"),
        ([port(81), port(80), port(82)], "80-82/tcp"),
        ([port(80), port(82)], "80/tcp, 82/tcp"),
        ([port(80, 80, "0.0.0.0"), port(81, 81, "0.0.0.0")], "0.0.0.0:80-81->80-81/tcp"),
        ([port(80, 8080, "0.0.0.0"), port(80, 8080, "::")], "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"),
        ([port(53, 53, "::", "udp"), port(53, 53, "0.0.0.0", "udp")], "0.0.0.0:53->53/udp, [::]:53->53/udp"),
        ([port(90), port(80, 8080, "1.2.3.4")], "90/tcp, 1.2.3.4:8080->80/tcp"),
    ],
)
def test_ports(ports: list[dict[str, object]], text: str) -> None:
    assert show_ports(ports) == text


def test_a_column_is_as_wide_as_its_widest_cell_and_the_last_is_free() -> None:
    assert align([["ID", "NAME"], ["123456789012", "a"]]) == "ID             NAME\n123456789012   a\n"
    assert align([["a", "b", "c"], ["d"]]) == "a         b         c\nd\n"


@given(st.lists(st.lists(st.text(alphabet="ab é", min_size=1), min_size=3, max_size=3), min_size=1))
def test_columns_start_below_each_other(rows: list[list[str]]) -> None:
    widths = [max(10, max(len(row[column]) for row in rows) + 3) for column in (0, 1)]
    for line, row in zip(align(rows).splitlines(), rows, strict=True):
        assert line == row[0].ljust(widths[0]) + row[1].ljust(widths[1]) + row[2]


def test_a_bar_is_as_long_as_the_work_done() -> None:
    assert show_bar({}, 200) == ""
    assert show_bar({"current": 500}, 200) == "    500B"
    half = show_bar({"current": 50, "total": 100}, 200)
    assert half == f"[{'=' * 25}>{' ' * 25}]      50B/100B"
    assert show_bar({"current": 50, "total": 100}, 80) == "     50B/100B"


def test_without_a_terminal_only_the_steps_are_shown() -> None:
    display = Display(0)
    assert display.show({"status": "Pulling from library/a", "id": "latest"}) == "latest: Pulling from library/a\n"
    assert display.show({"status": "Downloading", "id": "x", "progressDetail": {"current": 1, "total": 2}}) == ""
    assert display.show({"status": "Pull complete", "id": "x", "progressDetail": {}}) == "x: Pull complete\n"
    assert display.show({"status": "Digest: sha256:1"}) == "Digest: sha256:1\n"


def test_on_a_terminal_a_layer_keeps_its_line() -> None:
    display = Display(80)
    assert display.show({"status": "Waiting", "id": "x", "progressDetail": {}}) == "\x1b[2K\rx: Waiting\r\n"
    assert display.show({"status": "Waiting", "id": "y", "progressDetail": {}}) == "\x1b[2K\ry: Waiting\r\n"
    again = display.show({"status": "Pull complete", "id": "x", "progressDetail": {}})
    assert again == "\x1b[2A\x1b[2K\rx: Pull complete\r\x1b[2B"
