"""What a driver may tell of a container: its facts, its tag, and the labels and variables that are asked for. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wharf.apitypes.containers import ContainerConfig, HostConfig, NetworkingConfig
from wharf.engine.containers.record import ZERO_TIME, Container
from wharf.errors import InvalidArgument
from wharf.gotemplate.evaluate import Evaluation
from wharf.gotemplate.functions import FUNCTIONS, LAZY
from wharf.gotemplate.lexer import BadTemplate
from wharf.gotemplate.parser import parse_template

DEFAULT_TAG: Final = "{{.ID}}"
DAEMON_NAME: Final = "wharf"


@dataclass(frozen=True, slots=True)
class About:
    """A container whose output is logged, and this host's name."""

    container: Container
    hostname: str

    @property
    def options(self) -> Mapping[str, str]:
        return self.container.host.log_config.config

    @property
    def command(self) -> str:
        return " ".join([self.container.path, *self.container.args])

    def tag(self) -> str:
        """The option's template, or else the container's short id."""
        return expand(self.options.get("tag", "") or DEFAULT_TAG, self)

    def attributes(self, rename: Callable[[str], str] = str) -> dict[str, str]:
        """The labels and variables that `labels`, `labels-regex`, `env` and `env-regex` name."""
        options, config = self.options, self.container.config
        variables = dict(text.partition("=")[::2] for text in config.env)
        found = [
            *_chosen(config.labels, options.get("labels", ""), options.get("labels-regex", "")),
            *_chosen(variables, options.get("env", ""), options.get("env-regex", "")),
        ]
        return {rename(name): value for name, value in found}


def expand(template: str, about: About) -> str:
    """The text of a tag. Raises InvalidArgument, in Go's words, for a template that is none."""
    try:
        nodes = parse_template(template, FUNCTIONS.keys() | LAZY)
        return Evaluation(template, _look).run(nodes, about)
    except BadTemplate as error:
        text = str(error).replace("template: :", "template: log-tag:", 1)
        raise InvalidArgument(text.replace('executing ""', 'executing "log-tag"', 1)) from None


def check_tag(template: str) -> None:
    """Tries a tag on a container that there is not. Raises InvalidArgument."""
    nobody = Container(
        id="0" * 64,
        name="name",
        created=ZERO_TIME,
        image=f"sha256:{'0' * 64}",
        path="command",
        args=[],
        config=ContainerConfig(),
        host=HostConfig(),
        networking=NetworkingConfig(),
    )
    expand(template, About(nobody, "host"))


def compile_pattern(text: str) -> re.Pattern[str]:
    """Raises InvalidArgument."""
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidArgument(f"error parsing regexp: {error}: `{text}`") from None


def _chosen(values: Mapping[str, str], names: str, pattern: str) -> Iterator[tuple[str, str]]:
    listed: Sequence[str] = names.split(",")
    matches = compile_pattern(pattern).search if pattern else None
    for name, value in values.items():
        if name in listed or (matches is not None and matches(name)):
            yield name, value


#: The fields and methods of logger.Info, which templates see in dockerd.
_FIELDS: Final[Mapping[str, Callable[[About], Any]]] = {
    "ID": lambda about: about.container.id[:12],
    "FullID": lambda about: about.container.id,
    "Name": lambda about: about.container.name,
    # The first twelve characters of all, "sha256:" included: that is what dockerd gives.
    "ImageID": lambda about: about.container.image[:12],
    "ImageFullID": lambda about: about.container.image,
    "ImageName": lambda about: about.container.config.image,
    "Command": lambda about: about.command,
    "Hostname": lambda about: about.hostname,
    "DaemonName": lambda about: DAEMON_NAME,
    "Config": lambda about: dict(about.options),
    "ContainerID": lambda about: about.container.id,
    "ContainerName": lambda about: f"/{about.container.name}",
    "ContainerEntrypoint": lambda about: about.container.path,
    "ContainerArgs": lambda about: list(about.container.args),
    "ContainerImageID": lambda about: about.container.image,
    "ContainerImageName": lambda about: about.container.config.image,
    "ContainerCreated": lambda about: about.container.created,
    "ContainerEnv": lambda about: list(about.container.config.env),
    "ContainerLabels": lambda about: dict(about.container.config.labels),
}


def _look(value: Any, name: str, arguments: list[Any], last: bool) -> Any:
    if isinstance(value, About):
        if name == "ExtraAttributes":
            return value.attributes()
        if name in _FIELDS and not arguments:
            return _FIELDS[name](value)
        raise LookupError(f"can't evaluate field {name} in type *logger.Info")
    if isinstance(value, dict):
        return value.get(name, "")
    raise LookupError(f"can't evaluate field {name} in type {type(value).__name__}")
