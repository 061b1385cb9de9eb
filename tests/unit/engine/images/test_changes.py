"""`commit --change` and `import --change`. The answers and refusals are those of dockerd 28.5."""

from typing import Any

import msgspec
import pytest

from wharf.engine.containers.commit import changed_config
from wharf.engine.images.changes import apply_changes
from wharf.errors import InvalidArgument
from wharf.spec.image_config import Healthcheck, RunConfig

BASE = RunConfig(cmd=["echo", "hi"], env=["A=1", "PATH=/bin"])


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        ([], {"cmd": ["echo", "hi"]}),
        (['ENTRYPOINT ["/x"]'], {"entrypoint": ["/x"], "cmd": None}),
        (["ENTRYPOINT /x y", "CMD z"], {"entrypoint": ["/bin/sh", "-c", "/x y"], "cmd": ["/bin/sh", "-c", "z"]}),
        (['CMD ["a"]', 'ENTRYPOINT ["b"]'], {"entrypoint": ["b"], "cmd": ["a"]}),
        (['cmd ["low"]'], {"cmd": ["low"]}),
        (["CMD"], {"cmd": ["/bin/sh", "-c"]}),
        (["CMD []"], {"cmd": ["echo", "hi"]}),
        (['CMD ["unclosed"'], {"cmd": ["/bin/sh", "-c", '["unclosed"']}),
        (['ENV B=$A C="x y" D=e\\ f'], {"env": ["A=1", "PATH=/bin", "B=1", "C=x y", "D=e f"]}),
        (["ENV B hello world", "ENV A=2"], {"env": ["A=2", "PATH=/bin", "B=hello world"]}),
        (["ENV B=${A}2 E=$NOPE"], {"env": ["A=1", "PATH=/bin", "B=12", "E="]}),
        (["ENV X=1\nENV Y=$X \\\n  Z=3\n# ENV W=4"], {"env": ["A=1", "PATH=/bin", "X=1", "Y=1", "Z=3"]}),
        (["LABEL x=$A y=\"q r\" z='$A'"], {"labels": {"x": "1", "y": "q r", "z": "$A"}}),
        (["USER $A"], {"user": "1"}),
        (["WORKDIR $A", "WORKDIR rel"], {"working_dir": "/1/rel"}),
        (["WORKDIR /abs/../x/"], {"working_dir": "/x"}),
        (
            ["EXPOSE 80 81/udp 90-92"],
            {"exposed_ports": {"80/tcp": {}, "81/udp": {}, "90/tcp": {}, "91/tcp": {}, "92/tcp": {}}},
        ),
        (["EXPOSE $A"], {"exposed_ports": {"1/tcp": {}}}),
        (["VOLUME /v /w"], {"volumes": {"/v": {}, "/w": {}}}),
        (['VOLUME ["/v", "/w w"]'], {"volumes": {"/v": {}, "/w w": {}}}),
        (
            ["HEALTHCHECK --interval=5s --timeout=3s --start-period=1s --retries=4 CMD curl x"],
            {
                "healthcheck": Healthcheck(
                    test=["CMD-SHELL", "curl x"], interval=5 * 10**9, timeout=3 * 10**9, start_period=10**9, retries=4
                )
            },
        ),
        (['HEALTHCHECK CMD ["curl","x"]'], {"healthcheck": Healthcheck(test=["CMD", "curl", "x"])}),
        (["HEALTHCHECK NONE"], {"healthcheck": Healthcheck(test=["NONE"])}),
        (["ONBUILD RUN x"], {"on_build": ["RUN x"]}),
        (["STOPSIGNAL 9"], {"stop_signal": "9"}),
    ],
)
def test_what_a_change_makes(changes: list[str], members: dict[str, Any]) -> None:
    found = msgspec.structs.asdict(changed_config(BASE, changes))
    assert {name: found[name] for name in members} == members


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("RUN x", "RUN is not a valid change command"),
        ("nonsense", "nonsense is not a valid change command"),
        ('SHELL ["a"]', "SHELL is not a valid change command"),
        ("", "file with no instructions"),
        ("LABEL x", "LABEL must have two arguments"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =x", "ENV names can not be blank"),
        ("USER", "USER requires exactly one argument"),
        ("EXPOSE x", "Invalid containerPort: x"),
        ('VOLUME ["/v", ""]', "VOLUME specified can not be an empty string"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK --interval=x CMD a", 'time: invalid duration "x"'),
        ("HEALTHCHECK BAD a", 'Unknown type "BAD" in HEALTHCHECK (try CMD)'),
        ("ONBUILD ONBUILD x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
    ],
)
def test_what_is_no_change(change: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        apply_changes(BASE, [change])
    assert str(refused.value) == words
