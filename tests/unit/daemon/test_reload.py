import json
from pathlib import Path

from wharf.daemon.config import Config, load
from wharf.daemon.reload import reload


def test_what_may_change_changes_and_the_rest_waits(tmp_path: Path) -> None:
    path, applied = tmp_path / "daemon.json", list[Config]()
    arguments = ["--config-file", str(path)]
    path.write_text("{}")
    old = load(arguments)
    path.write_text(json.dumps({"labels": ["a=b"], "mtu": 1400}))
    new = reload(old, arguments, applied.append)
    assert (new.labels, new.mtu) == (("a=b",), 0)
    assert applied == [new]


def test_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    path, applied = tmp_path / "daemon.json", list[Config]()
    arguments = ["--config-file", str(path)]
    path.write_text("{}")
    old = load(arguments)
    path.write_text('{"colour": 1}')
    assert reload(old, arguments, applied.append) is old
    assert applied == []
