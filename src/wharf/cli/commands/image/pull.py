"""`wharf pull`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.progress import follow
from wharf.client import images
from wharf.client.names import DOCKER_HUB, ImageName, parse_name
from wharf.errors import InvalidArgument

CONTENT_TRUST = Flag("disable-content-trust", "", BOOL, "Accepted for docker's sake", True)


def pull(
    call: Call, text: str, *, platform: str, quiet: bool, descriptor: int = 1, all_tags: bool = False
) -> ImageName:
    """Pull an image and show the progress on `descriptor`."""
    name = parse_name(text)
    tag = "" if all_tags else name.digest or name.tag or "latest"
    answer = images.open_pull(call.client, name.repository, tag, platform=platform, auth=auth_header(call, name))
    follow(call, answer, descriptor=descriptor, quiet=quiet)
    return name


def auth_header(call: Call, name: ImageName) -> str:
    """X-Registry-Auth for the name's registry, or "" when we know no password."""
    if not call.config:
        return ""
    from wharf.cli.credentials import credentials_for

    found = credentials_for(call.config, name.auth_key)
    return images.encode_auth(found) if found else ""


def full_name(name: ImageName) -> str:
    """With registry, namespace and tag: what `pull` prints last."""
    text = name.with_tag
    if name.registry != DOCKER_HUB:
        return text
    return f"docker.io/{text}" if "/" in name.repository else f"docker.io/library/{text}"


def run(call: Call) -> int:
    options, text = call.options, call.arguments[0]
    name = parse_name(text)
    if options["all-tags"] and (name.tag or name.digest):
        raise InvalidArgument("tag can't be used with --all-tags/-a")
    if not options["all-tags"] and not name.tag and not name.digest and not options["quiet"]:
        out("Using default tag: latest\n")
    pull(call, text, platform=options["platform"], quiet=options["quiet"], all_tags=options["all-tags"])
    shown = full_name(name)
    out(f"{shown.removesuffix(':latest') if options['all-tags'] else shown}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    "Fetch an image from a registry",
    (
        Flag("all-tags", "a", BOOL, "Fetch all tags of the repository"),
        CONTENT_TRUST,
        Flag("platform", "", STRING, "Platform, if there is a choice"),
        Flag("quiet", "q", BOOL, "Print the image's name only"),
    ),
    least=1,
    most=1,
)
