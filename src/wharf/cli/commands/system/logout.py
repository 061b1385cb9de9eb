"""`wharf logout`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.system.login import registry_of
from wharf.cli.credentials import store
from wharf.cli.output import out


def run(call: Call) -> int:
    registry = registry_of(call.arguments)
    known = registry in (call.config.get("auths") or {}) or call.config.get("credsStore")
    if not known:
        out(f"Not logged in to {registry}\n")
        return 0
    out(f"Removing login credentials for {registry}\n")
    store(call.config_directory, call.config, registry, None)
    return 0


COMMAND = Command(run, "[SERVER]", "Forget a registry's user name and password", most=1)
