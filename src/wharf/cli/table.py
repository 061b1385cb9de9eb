"""The one list of verbs: where each is, and what it does in a few words. Reading it imports no command."""

CONTAINER = {
    "attach": "Connect the terminal's streams to a running container",
    "command": "Print the `run` command that would make a container again",
    "commit": "Make an image of what a container has become",
    "cp": "Copy files between a container and here",
    "create": "Make a new container without starting it",
    "diff": "Show which files of a container differ from its image",
    "edit": "Change ports, mounts, variables, command or limits of a container that exists",
    "exec": "Run a command in a running container",
    "export": "Write a container's file system to an archive",
    "inspect": "Show all that is known of containers, as JSON",
    "kill": "Send a signal (KILL unless told otherwise) to containers",
    "logs": "Show what a container has printed",
    "ls": "List containers",
    "pause": "Freeze all processes of containers",
    "port": "Show a container's published ports",
    "prune": "Remove all stopped containers",
    "rename": "Give a container another name",
    "restart": "Stop and start containers",
    "rm": "Remove containers",
    "run": "Make and start a new container from an image",
    "start": "Start stopped containers",
    "stats": "Show what containers use, as it changes",
    "stop": "Stop running containers",
    "top": "Show a container's processes",
    "unpause": "Let frozen containers go on",
    "update": "Change the limits of containers",
    "wait": "Wait until containers stop, print their exit codes",
}
CHECKPOINT = {
    "create": "Save the processes of a running container",
    "ls": "List the checkpoints of a container",
    "rm": "Remove a checkpoint",
}
IMAGE = {
    "bootstrap": "Make a base image from the distribution's own packages",
    "history": "Show the steps that made an image",
    "import": "Make an image of a file system archive",
    "inspect": "Show all that is known of images, as JSON",
    "load": "Load images from an archive",
    "ls": "List images",
    "prune": "Remove unused images",
    "pull": "Fetch an image from a registry",
    "push": "Send an image to a registry",
    "rm": "Remove images",
    "save": "Write images to an archive",
    "tag": "Give an image another name",
}
NETWORK = {
    "check": "Tell why packets would or would not pass",
    "connect": "Connect a container to a network",
    "create": "Make a network",
    "disconnect": "Take a container out of a network",
    "graph": "Draw which container is on which network, and its published ports",
    "inspect": "Show all that is known of networks, as JSON",
    "ls": "List networks",
    "prune": "Remove unused networks",
    "rm": "Remove networks",
}
PLUGIN = {
    "create": "Make a plugin of a directory that has config.json and rootfs/",
    "disable": "Stop a plugin until it is enabled again",
    "enable": "Start a plugin, now and with the daemon",
    "inspect": "Show all that is known of plugins, as JSON",
    "install": "Fetch a plugin from a registry, and start it",
    "ls": "List plugins",
    "push": "Send a plugin to a registry",
    "rm": "Remove plugins",
    "set": "Change settings of a plugin",
    "upgrade": "Replace a plugin by a newer one from a registry",
}
SYSTEM = {
    "df": "Show what takes up disk space",
    "events": "Show what happens in the daemon, as it happens",
    "info": "Show facts about the daemon and its machine",
    "prune": "Remove unused data",
}
VOLUME = {
    "clone": "Make a volume with all that is in another one",
    "create": "Make a volume",
    "export": "Write all that is in a volume to an archive",
    "import": "Make a volume of an archive",
    "inspect": "Show all that is known of volumes, as JSON",
    "ls": "List volumes",
    "prune": "Remove unused volumes",
    "rename": "Give a volume another name",
    "rm": "Remove volumes that no container uses",
}
GROUPS = {
    "checkpoint": ("Manage checkpoints, where the daemon offers them", CHECKPOINT),
    "container": ("Manage containers", CONTAINER),
    "image": ("Manage images", IMAGE),
    "network": ("Manage networks", NETWORK),
    "plugin": ("Manage plugins that run inside containers of their own", PLUGIN),
    "system": ("Manage the engine", SYSTEM),
    "volume": ("Manage volumes", VOLUME),
}

# Verbs at the top, by what they mean.
TOP = {
    **{verb: f"container {verb}" for verb in CONTAINER if verb not in ("command", "edit", "inspect", "ls", "prune")},
    **{verb: f"image {verb}" for verb in IMAGE if verb not in ("ls", "prune", "inspect", "rm", "bootstrap")},
    "ps": "container ls",
    "images": "image ls",
    "rmi": "image rm",
    "events": "system events",
    "info": "system info",
    "inspect": "system inspect",
    "version": "system version",
    "login": "system login",
    "logout": "system logout",
    "search": "system search",
}
TOP_SUMMARIES = {
    "inspect": "Show all that is known of any object, as JSON",
    "login": "Remember a user name and password for a registry",
    "logout": "Forget them",
    "search": "Look for images at a registry",
    "version": "Show the versions of client and daemon",
}
COMMON = ("run", "exec", "ps", "pull", "push", "images", "login", "logout", "version", "info")
# Second names inside a group.
SYNONYMS = {
    "checkpoint list": "checkpoint ls",
    "checkpoint remove": "checkpoint rm",
    "container list": "container ls",
    "container ps": "container ls",
    "container remove": "container rm",
    "image list": "image ls",
    "image remove": "image rm",
    "network list": "network ls",
    "network remove": "network rm",
    "plugin list": "plugin ls",
    "plugin remove": "plugin rm",
    "volume list": "volume ls",
    "volume remove": "volume rm",
}
HIDDEN = {"system dial-stdio": "system dial_stdio"}


def find(words: "list[str]") -> "tuple[str, str, int] | None":
    """(path as typed, module under wharf.cli.commands, words used), or None when there is no such verb."""
    if not words:
        return None
    first = words[0]
    if first in TOP:
        return first, _module(TOP[first]), 1
    if first in GROUPS and len(words) > 1:
        typed = f"{first} {words[1]}"
        if words[1] in GROUPS[first][1]:
            return typed, _module(typed), 2
        if typed in SYNONYMS or typed in HIDDEN:
            return typed, _module(SYNONYMS.get(typed) or HIDDEN[typed]), 2
    return None


def names_of(path: str) -> list[str]:
    """All ways to write the command at `path`, sorted."""
    full = TOP.get(path) or SYNONYMS.get(path) or path
    ways = [top for top, target in TOP.items() if target == full]
    ways += [synonym for synonym, target in SYNONYMS.items() if target == full]
    if full.split()[0] in GROUPS and full.split()[1] in GROUPS[full.split()[0]][1]:
        ways.append(full)
    return sorted(ways, key=lambda way: (way.count(" ") == 0, way))


def summary_of(top: str) -> str:
    if top in TOP_SUMMARIES:
        return TOP_SUMMARIES[top]
    group, verb = TOP[top].split()
    return GROUPS[group][1][verb]


def _module(path: str) -> str:
    group, verb = path.split()
    return f"{group}.{'import_' if verb == 'import' else 'exec_' if verb == 'exec' else verb}"
