"""From tokens to nodes."""

from wharf.gotemplate.lexer import BadTemplate, Token, line_of, split
from wharf.gotemplate.nodes import Action, Block, Jump, Node, Operand, Pipe, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

BLOCKS = ("if", "with", "range")
CONSTANTS = {"true": True, "false": False, "nil": None}


def parse_template(text: str, functions: "Container[str]") -> list[Node]:
    """Raises BadTemplate. `functions` are the names that may be called."""
    parser = _Parser(text, functions)
    nodes, _ = parser.parse_list(())
    return nodes


class _Parser:
    def __init__(self, text: str, functions: "Container[str]") -> None:
        self._text = text
        self._tokens = split(text)
        self._functions = functions
        self._at = 0
        self._variables = ["$"]
        self._loops = 0

    def _fail(self, reason: str, at: int) -> BadTemplate:
        return BadTemplate(f"template: :{line_of(self._text, at)}: {reason}")

    def _peek(self) -> Token:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return Token("end", "", len(self._text), "EOF")

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def parse_list(self, ends: "tuple[str, ...]") -> tuple[list[Node], str]:
        """Nodes up to one of the words in `ends` (or the text's end, if there are none), and that word."""
        nodes: list[Node] = []
        while True:
            token = self._take()
            if token.kind == "end":
                if ends:
                    raise self._fail("unexpected EOF", token.at)
                return nodes, ""
            if token.kind == "text":
                nodes.append(Text(str(token.value)))
                continue
            word = self._peek()
            if word.kind == "word" and word.value in ("end", "else"):
                self._take()
                if word.value not in ends:
                    raise self._fail(f"unexpected {{{{{word.value}}}}}", word.at)
                return nodes, str(word.value)
            nodes.append(self._parse_action())

    def _parse_action(self) -> Node:
        token = self._peek()
        if token.kind == "word" and token.value in BLOCKS:
            self._take()
            return self._parse_block(str(token.value))
        if token.kind == "word" and token.value in ("break", "continue"):
            self._take()
            if not self._loops:
                raise self._fail(f"{{{{{token.value}}}}} outside {{{{range}}}}", token.at)
            self._expect_right("command")
            return Jump(str(token.value))
        if token.kind == "word" and token.value in ("define", "template", "block"):
            raise self._fail(f"{{{{{token.value}}}}} is not supported", token.at)
        pipe = self._parse_pipe("command")
        self._expect_right("command")
        return Action(pipe)

    def _parse_block(self, word: str) -> Block:
        known = len(self._variables)
        block = Block(word, self._parse_pipe(word))
        self._expect_right(word)
        self._loops += word == "range"
        block.body, end = self.parse_list(("end", "else"))
        self._loops -= word == "range"
        if end == "else":
            following = self._peek()
            if following.kind == "word" and following.value in ("if", "with"):
                self._take()
                # `{{else if x}}` is an if of its own whose end is ours too.
                block.otherwise = [self._parse_block(str(following.value))]
                del self._variables[known:]
                return block
            self._expect_right("else")
            block.otherwise, _ = self.parse_list(("end",))
        self._expect_right("end")
        del self._variables[known:]
        return block

    def _expect_right(self, where: str) -> None:
        token = self._take()
        if token.kind != "right":
            raise self._fail(f"unexpected <{token.source}> in {where}", token.at)

    def _parse_pipe(self, where: str) -> Pipe:
        names: list[str] = []
        declares = False
        start = self._at
        while self._peek().kind == "variable" and not self._peek().names:
            names.append(str(self._take().value))
            if self._peek().kind != ",":
                break
            self._take()
        if names and self._peek().kind in (":=", "="):
            declares = self._take().kind == ":="
        else:
            names, self._at = [], start
        commands = [self._parse_command(where)]
        while self._peek().kind == "|":
            self._take()
            commands.append(self._parse_command(where))
        if declares:
            self._variables += names
        return Pipe(commands, names, declares=declares)

    def _parse_command(self, where: str) -> list[Operand]:
        operands: list[Operand] = []
        while (token := self._peek()).kind not in ("right", "|", ")", "end"):
            self._take()
            operands.append(self._parse_operand(token, where))
        if not operands:
            raise self._fail(f"missing value for {where}", self._peek().at)
        return operands

    def _parse_operand(self, token: Token, where: str) -> Operand:
        if token.kind == "field":
            return Operand("dot", None, token.names, token.at, token.source)
        if token.kind == "variable":
            if token.value not in self._variables:
                raise self._fail(f'undefined variable "{token.value}"', token.at)
            return Operand("variable", token.value, token.names, token.at, token.source)
        if token.kind in ("string", "number"):
            return Operand("literal", token.value, (), token.at, token.source)
        if token.kind == "word":
            if token.value in CONSTANTS:
                return Operand("literal", CONSTANTS[str(token.value)], (), token.at, token.source)
            if token.value not in self._functions:
                raise self._fail(f'function "{token.value}" not defined', token.at)
            return Operand("function", token.value, (), token.at, token.source)
        if token.kind == "(":
            pipe = self._parse_pipe("parenthesized pipeline")
            close = self._take()
            if close.kind != ")":
                raise self._fail("unclosed left paren", token.at)
            source = self._text[token.at : close.at + len(close.source)]
            return Operand("nested", pipe, close.names, token.at, source)
        raise self._fail(f"unexpected <{token.source}> in {where}", token.at)
