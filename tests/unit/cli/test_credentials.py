import json
import stat
from pathlib import Path

import pytest

from wharf.cli.credentials import credentials_for, store
from wharf.cli.main import main
from wharf.client.images import encode_auth

AUTH = {"username": "me", "password": "a:b", "serveraddress": "r.example"}


def read(directory: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((directory / "config.json").read_text())
    return found


def test_what_is_stored_is_found_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    directory = tmp_path / "docker"
    store(str(directory), {"psFormat": "x"}, "r.example", AUTH)
    config = read(directory)
    assert config["psFormat"] == "x"
    assert credentials_for(config, "r.example") == AUTH
    assert stat.S_IMODE((directory / "config.json").stat().st_mode) == 0o600
    store(str(directory), config, "r.example", None)
    assert credentials_for(read(directory), "r.example") == {}


@pytest.mark.parametrize("name", ["r.example", "https://r.example", "https://r.example/v1/"])
def test_older_names_of_a_registry_are_known(name: str) -> None:
    assert credentials_for({"auths": {name: {"auth": "bWU6cHc="}}}, "r.example")["username"] == "me"


def test_a_registry_without_an_entry_has_no_credentials() -> None:
    assert credentials_for({"auths": {"other": {"auth": "bWU6cHc="}}}, "r.example") == {}
    assert credentials_for({}, "r.example") == {}


def test_a_helper_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        "#!/bin/sh\n"
        f"case $1 in get) cat {tmp_path}/kept;; store) cat > {tmp_path}/kept;; erase) rm {tmp_path}/kept;; esac\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    config = {"credsStore": "test"}
    store(str(tmp_path), config, "r.example", AUTH)
    assert credentials_for(config, "r.example") == AUTH
    assert not (tmp_path / "config.json").exists()


def test_the_header_uses_the_alphabet_for_urls() -> None:
    assert encode_auth({"a": "\xff\xfe>>>???"}).translate(str.maketrans("", "", "-_=")).isalnum()


def test_logging_out_forgets(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store(str(tmp_path), {}, "r.example", AUTH)
    assert main(["--config", str(tmp_path), "logout", "https://r.example/"]) == 0
    assert main(["--config", str(tmp_path), "logout", "r.example"]) == 0
    assert capfd.readouterr().out == "Removing login credentials for r.example\nNot logged in to r.example\n"
    assert read(tmp_path)["auths"] == {}
