"""Options of log drivers. What is refused, and how, is what dockerd 28.5 answers, at create or, later, at the start."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import recorded
from wharf.apitypes.containers import ContainerConfig, HostConfig, LogConfig
from wharf.engine.logs import drivers
from wharf.engine.logs.about import About
from wharf.errors import InvalidArgument
from wharf.runtime.contract import Log, LogFile
from wharf.runtime.log_message import log_message

J, L, S, G, F = "json-file", "local", "syslog", "gelf", "fluentd"
UDP = {"gelf-address": "udp://127.0.0.1:1"}
TCP = {"gelf-address": "tcp://127.0.0.1:1"}
NB = {"mode": "non-blocking"}


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        (J, {}),
        (J, {"max-file": "3"}),
        (J, {"max-size": "-1"}),
        (J, {"compress": "t", "max-size": "1.5m", "max-file": "3"}),
        (J, {"labels-regex": "^(a|b)", "env-regex": "x", "labels": "a,b", "env": "c", "tag": "{{.Name}}"}),
        (J, {"tag": '{{.ImageName}}/{{.ID}} {{printf "%s" .FullID}} {{.ExtraAttributes nil}} {{index .Config "tag"}}'}),
        (J, {"mode": "blocking"}),
        (J, {"mode": ""}),
        (J, NB | {"max-buffer-size": "0"}),
        (J, {"cache-disabled": "true", "cache-max-size": "x"}),
        (L, {"max-size": "0"}),
        (L, {"max-file": "1", "compress": "false"}),
        ("none", {"foo": "1", "mode": "x"}),
        (S, {}),
        (S, {"syslog-address": "tcp://h"}),
        (S, {"syslog-address": "TCP://h:1/path"}),
        (S, {"syslog-address": "udp://[::1]:5"}),
        (S, {"syslog-address": "tcp+tls://h:1", "syslog-tls-skip-verify": "1"}),
        (S, {"syslog-address": "unix:///dev/null"}),
        (S, {"syslog-facility": "23"}),
        (S, {"syslog-facility": "local7"}),
        (S, {"syslog-format": "rfc5424micro"}),
        ("journald", {"tag": "x", "labels": "a"}),
        (G, UDP | {"gelf-compression-level": "-1", "gelf-compression-type": "none"}),
        (G, TCP | {"gelf-tcp-max-reconnect": "0", "gelf-tcp-reconnect-delay": "5"}),
        (F, {}),
        (F, {"fluentd-address": "::1"}),
        (F, {"fluentd-address": "tls://x"}),
        (F, {"fluentd-address": "unix:///nosuch"}),
        (F, {"fluentd-retry-wait": "1m30s", "fluentd-max-retries": "0", "fluentd-buffer-limit": "8k"}),
        (F, {"fluentd-async": "true", "fluentd-async-reconnect-interval": "5s", "fluentd-write-timeout": "3s"}),
    ],
)
def test_options_that_are_taken(driver: str, options: dict[str, str]) -> None:
    drivers.check(LogConfig(type=driver, config=options))


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        (J, {"foo": "1"}, "unknown log opt 'foo' for json-file log driver"),
        (J, {"max-size": "x"}, "invalid size: 'x'"),
        (J, {"max-size": ""}, "invalid size: ''"),
        (J, {"max-size": "0"}, "max-size must be a positive number"),
        (J, {"max-size": "1m", "max-file": "0"}, "max-file cannot be less than 1"),
        (J, {"max-size": "1m", "max-file": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        (J, {"compress": "x"}, 'strconv.ParseBool: parsing "x": invalid syntax'),
        (
            J,
            {"compress": "true", "max-size": "1m"},
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        (
            J,
            {"compress": "true", "max-file": "3"},
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        (J, {"labels-regex": "("}, "error parsing regexp: missing ), unterminated subpattern at position 0: `(`"),
        (J, {"tag": "{{"}, "template: log-tag:1: unclosed action"),
        (
            J,
            {"tag": "{{.Foo}}"},
            'template: log-tag:1:2: executing "log-tag" at <.Foo>: can\'t evaluate field Foo in type *logger.Info',
        ),
        (J, {"tag": "{{nosuch}}"}, 'template: log-tag:1: function "nosuch" not defined'),
        (J, {"mode": "x"}, "logger: logging mode not supported: x"),
        (J, {"max-buffer-size": "1m"}, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"),
        (J, NB | {"max-buffer-size": "x"}, "error parsing option max-buffer-size: invalid size: 'x'"),
        (J, {"cache-disabled": "x"}, "invalid value for option cache-disabled: x"),
        (J, {"cache-foo": "x"}, "unknown log opt 'cache-foo' for json-file log driver"),
        (L, {"labels": "1"}, "unknown log opt 'labels' for log driver local"),
        (L, {"max-size": "-1"}, "invalid value for max-size: -1: invalid size: '-1'"),
        (L, {"max-file": "x"}, 'invalid value for max-file: x: strconv.Atoi: parsing "x": invalid syntax'),
        (L, {"max-file": "1"}, "compression cannot be enabled when max file count is 1"),
        (L, {"compress": "x"}, 'error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax'),
        ("nosuch", {}, 'error looking up logging plugin nosuch: plugin "nosuch" not found'),
        ("nosuch", {"mode": "x"}, "logger: logging mode not supported: x"),
        ("splunk", {"splunk-url": "x"}, 'error looking up logging plugin splunk: plugin "splunk" not found'),
        (S, {"foo": "1"}, "unknown log opt 'foo' for syslog log driver"),
        (S, {"cache-max-size": "x"}, "invalid value for max-size: x: invalid size: 'x'"),
        (S, {"syslog-address": "x"}, "unsupported scheme: ''"),
        (S, {"syslog-address": "http://h"}, "unsupported scheme: 'http'"),
        (S, {"syslog-address": "tcp://h:x"}, 'parse "tcp://h:x": invalid port ":x" after host'),
        (S, {"syslog-address": "tcp://::1:5"}, "address ::1:5: too many colons in address"),
        (S, {"syslog-address": "udp://h:99999"}, "address 99999: invalid port"),
        (S, {"syslog-address": "unixgram:///nosuch"}, "stat /nosuch: no such file or directory"),
        (S, {"syslog-address": "unix://"}, "stat : no such file or directory"),
        (S, {"syslog-facility": "24"}, "invalid syslog facility"),
        (S, {"syslog-facility": "LOCAL7"}, "invalid syslog facility"),
        (S, {"syslog-format": "x"}, "Invalid syslog format"),
        (S, {"syslog-tls-skip-verify": "x"}, "invalid value for syslog-tls-skip-verify: x"),
        ("journald", {"foo": "1"}, "unknown log opt 'foo' for journald log driver"),
        (G, {"foo": "1"}, "gelf-address is a required parameter"),
        (G, UDP | {"foo": "1"}, "unknown log opt 'foo' for gelf log driver"),
        (G, {"gelf-address": "x"}, "gelf: endpoint needs to be TCP or UDP"),
        (G, {"gelf-address": "udp://x"}, "gelf: please provide gelf-address as proto://host:port"),
        (
            G,
            UDP | {"gelf-compression-type": "x"},
            'unknown value "x" for log opt "gelf-compression-type" for gelf log driver',
        ),
        (
            G,
            UDP | {"gelf-compression-level": "10"},
            'unknown value "10" for log opt "gelf-compression-level" for gelf log driver',
        ),
        (G, TCP | {"gelf-compression-type": "gzip"}, "compression is only supported on UDP"),
        (G, UDP | {"gelf-tcp-max-reconnect": "1"}, '"gelf-tcp-max-reconnect" is only valid for TCP'),
        (G, TCP | {"gelf-tcp-reconnect-delay": "-1"}, '"gelf-tcp-reconnect-delay" must be a positive integer'),
        (F, {"fluentd-async-connect": "1"}, "unknown log opt 'fluentd-async-connect' for fluentd log driver"),
        (
            F,
            {"fluentd-address": "x:y"},
            'invalid fluentd-address (x:y): parse "tcp://x:y": invalid port ":y" after host',
        ),
        (
            F,
            {"fluentd-address": "x:99999"},
            'invalid fluentd-address (x:99999): invalid port: strconv.ParseUint: parsing "99999": value out of range',
        ),
        (F, {"fluentd-address": "udp://x:1"}, "invalid fluentd-address (udp://x:1): unsupported scheme: 'udp'"),
        (
            F,
            {"fluentd-address": "tcp://x:1/foo"},
            "invalid fluentd-address (tcp://x:1/foo): should not contain a path element",
        ),
        (F, {"fluentd-address": "unix://"}, "invalid fluentd-address (unix://): path is empty"),
        (F, {"fluentd-async": "x"}, 'strconv.ParseBool: parsing "x": invalid syntax'),
        (F, {"fluentd-buffer-limit": "-1"}, "invalid size: '-1'"),
        (F, {"fluentd-retry-wait": "x"}, 'time: invalid duration "x"'),
        (F, {"fluentd-retry-wait": "1"}, 'time: missing unit in duration "1"'),
        (F, {"fluentd-max-retries": "-1"}, 'strconv.ParseUint: parsing "-1": invalid syntax'),
        (
            F,
            {"fluentd-async-reconnect-interval": "1ms"},
            'invalid value for fluentd-async-reconnect-interval: value ("1ms") must be between 100ms and 10s',
        ),
        (
            F,
            {"fluentd-write-timeout": "-1s"},
            "invalid value for fluentd-write-timeout: value must be a duration that is non-negative",
        ),
    ],
)
def test_options_that_are_refused(driver: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        drivers.check(LogConfig(type=driver, config=options))
    assert str(caught.value) == words


OPTIONS = sorted(set().union(*(driver.options for driver in drivers.DRIVERS.values())) | {"mode", "max-buffer-size"})


@given(
    st.sampled_from(drivers.NAMES),
    st.dictionaries(st.sampled_from(OPTIONS), st.text(max_size=12) | st.sampled_from(["1", "true", "1m", "tcp://a:1"])),
)
def test_whatever_is_taken_can_be_planned_and_told_to_the_shim(driver: str, options: dict[str, str]) -> None:
    config = LogConfig(type=driver, config=options)
    try:
        drivers.check(config)
    except InvalidArgument:
        return
    json.dumps(log_message(plan(driver, options)))


def plan(driver: str, options: dict[str, str], **config: Any) -> Log:
    container = recorded(
        "a" * 64,
        created="2026-01-02T03:04:05Z",
        image="sha256:" + "b" * 64,
        path="sh",
        args=["-c", "x"],
        config=ContainerConfig(image="busybox", **config),
        host=HostConfig(log_config=LogConfig(type=driver, config=options)),
    )
    return drivers.plan(About(container, "host"), Path("/logs"))


def test_labels_and_variables_that_are_asked_for_come_with_each_line() -> None:
    options = {"labels": "a,b", "labels-regex": "^c", "env": "A", "env-regex": "^C", "tag": "{{.Name}}!"}
    log = plan(J, options, labels={"a": "1", "cc": "2", "d": "3"}, env=["A=4=5", "CC=6", "D=7"])
    assert log.file is not None
    assert log.file.attributes == {"a": "1", "cc": "2", "A": "4=5", "CC": "6", "tag": "web!"}


def test_tags() -> None:
    tag = "{{.ID}} {{.FullID}} {{.Name}} {{.ImageID}} {{.ImageFullID}} {{.ImageName}} {{.DaemonName}} {{.Command}}"
    tag += " {{.Hostname}} {{.ContainerName}} {{with .ContainerEnv}}{{index . 0}}{{end}}"
    log = plan("journald", {"tag": tag}, env=["A=b"])
    assert log.receiver is not None
    fields: Any = log.receiver.settings["fields"]
    assert fields["CONTAINER_TAG"] == (
        f"{'a' * 12} {'a' * 64} web sha256:bbbbb sha256:{'b' * 64} busybox wharf sh -c x host /web A=b"
    )


def test_a_container_cannot_name_itself_otherwise_by_its_labels() -> None:
    names = "container_id,CONTAINER-ID-FULL,_container_id,priority,__9message,container.partial.id,9,log,source"
    labels = dict.fromkeys(names.split(","), "forged")
    for driver, options, name in (
        ("journald", {}, "CONTAINER_ID_FULL"),
        (G, UDP, "_container_id"),
        (F, {}, "container_id"),
    ):
        log = plan(driver, options | {"labels": names}, labels=labels)
        assert log.receiver is not None
        fields: Any = log.receiver.settings["fields"]
        assert fields[name] == "a" * 64
        assert not fields.keys() & {"log", "source"}
        if driver == "journald":
            assert {name for name, value in fields.items() if value == "forged"} == {"LOG", "SOURCE"}


def test_a_driver_without_a_file_gets_a_cache_of_its_own_bounds() -> None:
    assert plan("syslog", {}).file == LogFile(Path("/logs/cached.log"), "chunks", 20 << 20, 5, True)
    smaller = {"cache-max-size": "1k", "cache-max-file": "2", "cache-compress": "false"}
    assert plan("syslog", smaller).file == LogFile(Path("/logs/cached.log"), "chunks", 1024, 2, False)
    assert plan("syslog", {"cache-disabled": "1"}).file is None
    assert plan("json-file", {"cache-disabled": "1"}).file is not None


def test_what_is_written_is_where_it_is_read() -> None:
    for driver, options in ((J, {}), (L, {}), (S, {}), (F, {"cache-disabled": "1"}), ("none", {})):
        written = plan(driver, options).file
        found = drivers.readable(LogConfig(type=driver, config=options), Path("/logs"), "a" * 64)
        assert (found is None) is (written is None)
        if found is not None and written is not None:
            assert (found.path, found.format) == (written.path, written.format)


def test_the_daemons_options_are_for_containers_of_its_driver_but_the_cache_is_for_all() -> None:
    default = LogConfig(type=J, config={"max-size": "1m", "cache-max-size": "2m"})
    own = drivers.with_defaults(LogConfig(config={"max-size": "3m"}), default)
    assert own == LogConfig(type=J, config={"max-size": "3m", "cache-max-size": "2m"})
    assert drivers.with_defaults(LogConfig(type=S), default) == LogConfig(type=S, config={"cache-max-size": "2m"})
    assert drivers.with_defaults(LogConfig(type="none"), default) == LogConfig(type="none", config={})


def test_modes() -> None:
    assert plan(J, {}).buffer is None
    assert plan(J, {"mode": "non-blocking"}).buffer == 1_000_000
    assert plan(S, {"mode": "non-blocking", "max-buffer-size": "4k"}).buffer == 4096
    told = log_message(plan(S, {"mode": "non-blocking", "max-buffer-size": "4k"}))
    assert told["remote"]["room"] == 4096 and told["remote"]["drops"] is True
    assert log_message(plan(S, {}))["remote"]["drops"] is False
    assert log_message(plan(F, {"fluentd-async": "1"}))["remote"]["drops"] is True
