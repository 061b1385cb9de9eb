import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.spec.reference import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("me/app", "docker.io/me/app", "me/app"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/library/x", "docker.io/library/x", "x"),
        ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/x", "localhost/x", "localhost/x"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        (f"x@{DIGEST}", f"docker.io/library/x@{DIGEST}", f"x@{DIGEST}"),
        (f"x:t@{DIGEST}", f"docker.io/library/x:t@{DIGEST}", f"x:t@{DIGEST}"),
        ("a__b/c.d-e", "docker.io/a__b/c.d-e", "a__b/c.d-e"),
        ("Reg.example/x", "Reg.example/x", "Reg.example/x"),
    ],
)
def test_names_as_docker_reads_them(text: str, canonical: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert (str(reference), reference.familiar) == (canonical, familiar)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        ("x:", "invalid reference format"),
        (":x", "invalid reference format"),
        ("-x", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("x y", "invalid reference format"),
        ("x@sha256:12", "invalid reference format"),
        ("x:" + "t" * 129, "invalid reference format"),
        ("../x", "invalid reference format"),
        ("me/App", "invalid reference format: repository name must be lowercase"),
        ("a" * 64, "cannot specify 64-byte hexadecimal strings"),
        ("x" * 300, "must not be more than 255 characters"),
    ],
)
def test_names_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Reference.parse(text)


part = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-)[a-z0-9]{1,4})?", fullmatch=True)


@given(
    st.sampled_from(["", "localhost/", "reg.example:5000/", "docker.io/"]),
    st.lists(part, min_size=1, max_size=3),
    st.one_of(st.just(""), st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)),
    st.sampled_from(["", "@" + DIGEST]),
)
def test_what_we_print_we_read_back(domain: str, path: list[str], tag: str, digest: str) -> None:
    reference = Reference.parse(f"{domain}{'/'.join(path)}{tag}{digest}")
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidArgument:
        return
    assert Reference.parse(str(reference)) == reference


def test_tags() -> None:
    reference = Reference.parse("x")
    assert str(reference.with_default_tag()) == "docker.io/library/x:latest"
    assert reference.tagged("1").tag == "1"
    with pytest.raises(InvalidArgument):
        reference.tagged("a b")
