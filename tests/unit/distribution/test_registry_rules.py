import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wharf.distribution.answers import parse_error, pull_error
from wharf.distribution.challenge import (
    Challenge,
    check_realm,
    parse_challenges,
    parse_identity,
    parse_token,
    token_query,
)
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.endpoints import endpoints, is_insecure
from wharf.errors import EngineError, NotFound, Unauthenticated
from wharf.spec.reference import Reference


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ('Basic realm="a b"', [Challenge("basic", {"realm": "a b"})]),
        (
            'Bearer realm="https://auth/token",service="s",scope="repository:x:pull,push"',
            [Challenge("bearer", {"realm": "https://auth/token", "service": "s", "scope": "repository:x:pull,push"})],
        ),
        (r'Bearer realm="a\"b", error=x', [Challenge("bearer", {"realm": 'a"b', "error": "x"})]),
        ("", []),
    ],
)
def test_challenges(header: str, challenges: list[Challenge]) -> None:
    assert parse_challenges([header]) == challenges


@given(st.text(max_size=60))
def test_any_header_ends(header: str) -> None:
    parse_challenges([header])


def test_tokens() -> None:
    assert token_query(Challenge("bearer", {"service": "s"}), "repository:x:pull", "me") == (
        "service=s&scope=repository%3Ax%3Apull&account=me"
    )
    assert parse_token(b'{"access_token": "t"}') == "t"
    for data in (b"{}", b"[]", b"", b'{"token": "a\\r\\nX: y"}'):
        with pytest.raises(Unauthenticated):
            parse_token(data)


def test_secrets_are_not_sent_in_the_clear() -> None:
    with pytest.raises(Unauthenticated):
        check_realm(Challenge("bearer", {"realm": "http://auth/token"}), "https://registry")
    with pytest.raises(Unauthenticated):
        check_realm(Challenge("bearer", {"realm": "file:///etc/passwd"}), "http://127.0.0.1")
    assert "secret" not in repr(RegistryAuth("me", "secret", "secret", "secret"))


@pytest.mark.parametrize(
    ("domain", "listed", "insecure"),
    [
        ("localhost:5000", (), True),
        ("127.0.0.1:5000", (), True),
        ("[::1]:5000", (), True),
        ("reg.example", (), False),
        ("reg.example:5000", ("reg.example:5000",), True),
        ("10.1.2.3:5000", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("127.0.0.1.example", (), False),
    ],
)
def test_where_plain_http_is_allowed(domain: str, listed: tuple[str, ...], insecure: bool) -> None:
    assert is_insecure(domain, listed) is insecure
    assert any(one.url.startswith("http:") for one in endpoints(domain, RegistryConfig(insecure=listed))) is insecure


def test_mirrors_are_for_docker_io_only() -> None:
    config = RegistryConfig(mirrors=("https://mirror/",))
    assert [one.url for one in endpoints("docker.io", config)] == ["https://mirror", "https://registry-1.docker.io"]
    assert [one.url for one in endpoints("reg.example", config)] == ["https://reg.example"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (404, b"", NotFound, "manifest for x:1 not found: manifest unknown: manifest unknown"),
        (
            403,
            b'{"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}',
            NotFound,
            "pull access denied for x, repository does not exist or may require 'docker login': denied: "
            "requested access to the resource is denied",
        ),
        (401, b"{}", Unauthenticated, "unauthorized: authentication required"),
        (500, b"<html>", EngineError, "received unexpected HTTP status: 500"),
    ],
)
def test_errors_in_the_words_of_dockerd(status: int, body: bytes, kind: type[EngineError], text: str) -> None:
    error = pull_error(Reference.parse("x:1"), status, body)
    assert type(error) is kind and str(error) == text


@given(st.integers(100, 599), st.binary(max_size=100))
@example(500, b'"\x80"')
@example(500, b"[" * 100_000)
def test_any_error_answer_can_be_told(status: int, body: bytes) -> None:
    assert parse_error(status, body)[1]


@given(st.binary(max_size=100))
@example(b'"\x80"')
@example(b"[" * 100_000)
def test_any_token_answer_can_be_told(body: bytes) -> None:
    assert isinstance(parse_identity(body), str)
    with pytest.raises(Unauthenticated):
        parse_token(body)
