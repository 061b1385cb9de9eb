"""--security-opt, as dockerd 28 reads it."""

import pytest

from wharf.apitypes.containers import HostConfig
from wharf.engine.containers import security
from wharf.engine.containers.security import Security
from wharf.errors import EngineError, InvalidArgument, NotImplementedByUs
from wharf.runtime.bundle import HostFacts

FACTS = HostFacts(frozenset(), {})
LABELLED = HostFacts(frozenset(), {}, selinux=True)
ARMORED = HostFacts(frozenset(), {}, apparmor=True, apparmor_profile="usual")


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ([], Security()),
        (["no-new-privileges"], Security(no_new_privileges=True)),
        (["no-new-privileges:1"], Security(no_new_privileges=True)),
        (["no-new-privileges=T", "no-new-privileges=false"], Security(no_new_privileges=False)),
        (["writable-cgroups"], Security(writable_cgroups=True)),
        (["writable-cgroups=0"], Security(writable_cgroups=False)),
        (["seccomp=unconfined", "apparmor:mine"], Security(seccomp="unconfined", apparmor="mine")),
        (['seccomp={"a": "b=c"}'], Security(seccomp='{"a": "b=c"}')),
        (["label=type:x", "label:level:s0", "disable"], Security(labels=("type:x", "level:s0", "disable"))),
    ],
)
def test_options(options: list[str], read: Security) -> None:
    assert security.parse(options) == read


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("odd", 'invalid --security-opt 1: "odd"'),
        ("", 'invalid --security-opt 1: ""'),
        ("odd=1", 'invalid --security-opt 2: "odd=1"'),
        ("odd:1", 'invalid --security-opt 2: "odd:1"'),
        ("systempaths=unconfined", 'invalid --security-opt 2: "systempaths=unconfined"'),
        ("no-new-privileges=maybe", 'invalid --security-opt 2: "no-new-privileges=maybe"'),
        ("no-new-privileges=tRUE", 'invalid --security-opt 2: "no-new-privileges=tRUE"'),
        ("writable-cgroups=", 'invalid --security-opt 2: "writable-cgroups="'),
    ],
)
def test_options_that_cannot_be(option: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        security.parse([option])
    assert str(caught.value) == message


@pytest.mark.parametrize("profile", ["{", "/etc/passwd", '{"defaultAction": "SCMP_ACT_ODD"}', "{}"])
def test_a_profile_that_is_none_is_refused_at_once(profile: str) -> None:
    with pytest.raises(InvalidArgument, match="Decoding seccomp profile failed"):
        security.check(HostConfig(security_opt=[f"seccomp={profile}"]), FACTS)


@pytest.mark.parametrize("profile", ["", "unconfined", "builtin", '{"defaultAction": "SCMP_ACT_ALLOW"}'])
def test_profiles_that_are_taken(profile: str) -> None:
    security.check(HostConfig(security_opt=[f"seccomp={profile}"]), FACTS)


def test_labels_mean_nothing_without_selinux_and_are_refused_with_it() -> None:
    host = HostConfig(security_opt=["label=type:x"])
    security.check(host, FACTS)
    security.check(HostConfig(security_opt=["label=disable", "disable"]), LABELLED)
    with pytest.raises(NotImplementedByUs, match="SELinux"):
        security.check(host, LABELLED)


@pytest.mark.parametrize(
    ("host", "options"),
    [
        (HostConfig(), []),
        (HostConfig(privileged=True), ["label=disable"]),
        (HostConfig(pid_mode="host", security_opt=["seccomp=unconfined"]), ["seccomp=unconfined", "label=disable"]),
        (HostConfig(ipc_mode="host"), ["label=disable"]),
        (HostConfig(privileged=True, security_opt=["label=type:x"]), ["label=type:x"]),
    ],
)
def test_who_sees_the_hosts_processes_has_no_label(host: HostConfig, options: list[str]) -> None:
    assert security.with_labels(host).security_opt == options


@pytest.mark.parametrize(
    ("host", "facts", "profile"),
    [
        (HostConfig(security_opt=["apparmor=mine"]), ARMORED, "mine"),
        (HostConfig(security_opt=["apparmor=mine"]), FACTS, ""),
        (HostConfig(security_opt=["apparmor=unconfined"]), ARMORED, "unconfined"),
        (HostConfig(security_opt=["apparmor=mine"], privileged=True), ARMORED, "mine"),
        (HostConfig(), ARMORED, "usual"),
        (HostConfig(privileged=True), ARMORED, "unconfined"),
        (HostConfig(), FACTS, ""),
    ],
)
def test_apparmor_profiles(host: HostConfig, facts: HostFacts, profile: str) -> None:
    assert security.apparmor_profile(host, facts) == profile
