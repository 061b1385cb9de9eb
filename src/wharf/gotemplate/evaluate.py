"""From nodes and data to text."""

from wharf.gotemplate.functions import FUNCTIONS, LAZY, NO_VALUE, is_true, show
from wharf.gotemplate.lexer import BadTemplate
from wharf.gotemplate.nodes import Action, Block, Jump, Node, Operand, Pipe, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    # Gives field `name` of a value, with arguments if it is a method; `last` when no field follows.
    # Raises LookupError with the reason, in Go's words.
    Look = Callable[[Any, str, list[Any], bool], Any]

MISSING = object()


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Evaluation:
    """One run of a template over one value."""

    def __init__(self, source: str, look: "Look", functions: "Mapping[str, Callable[..., Any]]" = FUNCTIONS) -> None:
        self._source = source
        self._look = look
        self._functions = functions
        self._variables: list[tuple[str, Any]] = []
        self._parts: list[str] = []

    def run(self, nodes: "Iterable[Node]", data: "Any") -> str:
        """Raises BadTemplate when the data does not fit the template."""
        self._variables = [("$", data)]
        self._run(nodes, data)
        return "".join(self._parts)

    def _run(self, nodes: "Iterable[Node]", dot: "Any") -> None:
        for node in nodes:
            if isinstance(node, Text):
                self._parts.append(node.text)
            elif isinstance(node, Action):
                value = self._pipe(node.pipe, dot)
                if not node.pipe.names:
                    self._parts.append(show(value))
            elif isinstance(node, Block):
                self._block(node, dot)
            elif isinstance(node, Jump):
                raise _Break if node.word == "break" else _Continue

    def _block(self, block: Block, dot: "Any") -> None:
        known = len(self._variables)
        if block.word == "range":
            self._range(block, dot)
        else:
            value = self._pipe(block.pipe, dot)
            inner = value if block.word == "with" else dot
            if is_true(value):
                self._run(block.body, inner)
            else:
                self._run(block.otherwise, dot)
        del self._variables[known:]

    def _range(self, block: Block, dot: "Any") -> None:
        names = block.pipe.names
        values = self._pipe(Pipe(block.pipe.commands, [], declares=False), dot)
        pairs: list[tuple[Any, Any]]
        if isinstance(values, dict):
            pairs = sorted(values.items())
        elif isinstance(values, list):
            pairs = list(enumerate(values))
        elif values is None or values is NO_VALUE:
            pairs = []
        elif isinstance(values, int) and not isinstance(values, bool):
            pairs = [(at, at) for at in range(values)]
        else:
            operand = block.pipe.commands[-1][0]
            raise self._fail(operand, f"range can't iterate over {show(values)}")
        if not pairs:
            self._run(block.otherwise, dot)
        for key, value in pairs:
            mark = len(self._variables)
            if len(names) == 2:
                self._variables += [(names[0], key), (names[1], value)]
            elif names:
                self._variables.append((names[0], value))
            try:
                self._run(block.body, value)
            except _Continue:
                pass
            except _Break:
                break
            finally:
                del self._variables[mark:]

    def _pipe(self, pipe: Pipe, dot: "Any") -> "Any":
        value: Any = MISSING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        for name in pipe.names:
            if pipe.declares:
                self._variables.append((name, value))
            else:
                self._assign(name, value)
        return value

    def _assign(self, name: str, value: "Any") -> None:
        for at in range(len(self._variables) - 1, -1, -1):
            if self._variables[at][0] == name:
                self._variables[at] = (name, value)
                return

    def _command(self, command: list[Operand], dot: "Any", piped: "Any") -> "Any":
        first, *rest = command
        if first.kind == "function":
            return self._call(first, rest, dot, piped)
        arguments = [self._value(operand, dot, []) for operand in rest]
        if piped is not MISSING:
            arguments.append(piped)
        return self._value(first, dot, arguments)

    def _call(self, function: Operand, operands: list[Operand], dot: "Any", piped: "Any") -> "Any":
        if function.value in LAZY:
            wanted = function.value == "or"
            value: Any = None
            for operand in operands:
                value = self._value(operand, dot, [])
                if is_true(value) == wanted:
                    return value
            return value if piped is MISSING else piped
        arguments = [self._value(operand, dot, []) for operand in operands]
        if piped is not MISSING:
            arguments.append(piped)
        try:
            return self._functions[function.value](*arguments)
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, MemoryError) as error:
            wrong = f"wrong number or type of args for {function.value}"
            reason = str(error) if isinstance(error, ValueError) else wrong
            source = " ".join([function.source, *(operand.source for operand in operands)])
            prefix = "" if not isinstance(error, ValueError) else f"error calling {function.value}: "
            raise self._fail(function, prefix + reason, source) from None

    def _value(self, operand: Operand, dot: "Any", arguments: "list[Any]") -> "Any":
        if operand.kind == "dot":
            value = dot
        elif operand.kind == "variable":
            value = next(value for name, value in reversed(self._variables) if name == operand.value)
        elif operand.kind == "nested":
            value = self._pipe(operand.value, dot)
        elif operand.kind == "function":
            value = self._call(operand, [], dot, MISSING)
        else:
            value = operand.value
        last = len(operand.names) - 1
        if arguments and last < 0:
            raise self._fail(operand, f"can't give argument to non-function {operand.source}")
        for at, name in enumerate(operand.names):
            try:
                value = self._look(value, name, arguments if at == last else [], at == last)
            except LookupError as error:
                raise self._fail(operand, str(error.args[0])) from None
        return value

    def _fail(self, operand: Operand, reason: str, source: str = "") -> BadTemplate:
        before = self._source[: operand.at]
        line, column = before.count("\n") + 1, operand.at - (before.rfind("\n") + 1)
        # Go points at the field that is wrong: behind the first dot of a chain.
        if len(operand.names) > (operand.kind == "dot"):
            column += operand.source.rfind(".")
        return BadTemplate(f'template: :{line}:{column}: executing "" at <{source or operand.source}>: {reason}')
