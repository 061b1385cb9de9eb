import pytest

from wharf.apitypes.containers import LogConfig
from wharf.engine.containers import log_files
from wharf.errors import InvalidArgument


@pytest.mark.parametrize("option", ["labels-regex", "env-regex"])
def test_a_pattern_that_is_none_is_refused_before_a_start_meets_it(option: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid regular expression"):
        log_files.check(LogConfig(type="json-file", config={option: "("}))
    log_files.check(LogConfig(type="json-file", config={option: "^(a|b)"}))
