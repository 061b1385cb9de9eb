"""What a template consists of, after parsing. `at` is the place in the source that errors name."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Text:
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Operand:
    """A value in a command: dot, `.A.B`, `$x.A`, a literal, a function's name, or a pipeline in parentheses.

    `kind` is one of dot, variable, literal, function, nested; `names` are the fields after it.
    """

    __slots__ = ("at", "kind", "names", "source", "value")

    def __init__(self, kind: str, value: "Any", names: "tuple[str, ...]", at: int, source: str) -> None:
        self.kind = kind
        self.value = value
        self.names = names
        self.at = at
        self.source = source


class Pipe:
    """Commands, each given the value of the one before as its last argument; perhaps kept in variables."""

    __slots__ = ("commands", "declares", "names")

    def __init__(self, commands: "list[list[Operand]]", names: "list[str]", *, declares: bool) -> None:
        self.commands = commands
        self.names = names
        self.declares = declares


class Action:
    __slots__ = ("pipe",)

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe


class Block:
    """`if`, `with` or `range`, with what to do otherwise."""

    __slots__ = ("body", "otherwise", "pipe", "word")

    def __init__(self, word: str, pipe: Pipe) -> None:
        self.word = word
        self.pipe = pipe
        self.body: list[Node] = []
        self.otherwise: list[Node] = []


class Jump:
    """`break` or `continue`."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word


Node = Text | Action | Block | Jump
