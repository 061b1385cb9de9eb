"""Entry: global flags, the verb, and what its errors become."""

import sys

from wharf.cli import table
from wharf.cli.command import MANY, Call
from wharf.cli.errors import FAILED, USAGE, BadCount, BadOptions, BadUsage, Exit
from wharf.cli.flags import BOOL, LIST, STRING, Flag, parse
from wharf.cli.output import err, out
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wharf.cli.command import Command
    from wharf.cli.flags import Options

VERSION = "0.1.0"
INTERRUPTED = 130
NOBODY_READS = 141

GLOBALS = (
    Flag("config", "", STRING, "Directory of the client's configuration"),
    Flag("context", "c", STRING, "Accepted for docker's sake; -H names the daemon"),
    Flag("debug", "D", BOOL, "Show where an unexpected error came from"),
    Flag("host", "H", LIST, "Daemon to connect to"),
    Flag("log-level", "l", STRING, "Accepted for docker's sake", "info"),
    Flag("tls", "", BOOL, "Use TLS; --tlsverify implies it"),
    Flag("tlscacert", "", STRING, "Trust only certificates signed by this authority"),
    Flag("tlscert", "", STRING, "Our certificate"),
    Flag("tlskey", "", STRING, "Our certificate's key"),
    Flag("tlsverify", "", BOOL, "Use TLS and check who the daemon is"),
    Flag("version", "v", BOOL, "Print the version and stop"),
)


def main(words: "list[str] | None" = None) -> int:
    """Run a command line (without the program's name); returns the exit code."""
    try:
        return _dispatch(sys.argv[1:] if words is None else words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return NOBODY_READS


def _dispatch(words: list[str]) -> int:
    try:
        globals, rest = parse(GLOBALS, words, anywhere=False)
    except BadUsage as error:
        err(f"{error}\n\nUsage:  wharf [OPTIONS] COMMAND [ARG...]\n\nRun 'wharf --help' for more information\n")
        return USAGE
    if globals["version"]:
        out(f"Wharf version {VERSION}\n")
        return 0
    if globals["help"]:
        rest = ["--help"]
    if rest[:1] == ["help"]:
        rest = [*rest[1:], "--help"]
    found = table.find(rest)
    if found is None:
        return _no_verb(rest)
    path, module, used = found
    try:
        return _run(path, module, rest[used:], globals)
    except Exit as exit:
        if str(exit):
            err(f"{exit}\n")
        return exit.code


def _run(path: str, module: str, words: list[str], globals: "Options") -> int:
    command = load(module)
    try:
        options, arguments = parse(command.flags, words, anywhere=command.anywhere)
        if options["help"]:
            from wharf.cli.help import command_help

            out(command_help(path, command))
            return 0
        call = Call(path, command, options, arguments, globals)
        call.check_count()
    except BadUsage as error:
        # docker says "See" where only a minimum is missed and "Run" elsewhere.
        few = isinstance(error, BadCount) and command.most == MANY and command.least != MANY
        word = "See" if few else "Run"
        usage = f"Usage:  wharf {path} {command.usage}".rstrip()
        err(f"{error}\n\n{usage}\n\n{word} 'wharf {path} --help' for more information\n")
        return FAILED if isinstance(error, BadCount) else USAGE
    try:
        return command.run(call)
    except Exit:
        raise
    except (EngineError, OSError) as error:
        if globals["debug"] or isinstance(error, BrokenPipeError):
            raise
        if command.explains or isinstance(error, BadOptions):
            err(f"wharf: {error}\n\nRun 'wharf {path} --help' for more information\n")
            return USAGE
        err(f"{error}\n")
        return FAILED


def load(module: str) -> "Command":
    """The command of a module under wharf.cli.commands."""
    name = f"wharf.cli.commands.{module}"
    __import__(name)
    command: Command = sys.modules[name].COMMAND
    return command


def _no_verb(words: list[str]) -> int:
    from wharf.cli.help import group_help, top_help

    asked = [word for word in words if word not in ("--help", "-h")]
    if not asked:
        out(top_help(GLOBALS))
        return 0
    group = asked[0]
    if group in table.GROUPS:
        if len(asked) == 1:
            # Help that was not asked for is no output.
            (out if asked != words else err)(group_help(group))
            return 0
        path = f"wharf {group}"
        err(
            f"wharf: unknown command: {path} {asked[1]}\n\nUsage:  {path}\n\nRun '{path} --help' for more information\n"
        )
        return FAILED
    err(f"wharf: unknown command: wharf {group}\n\nRun 'wharf --help' for more information\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
