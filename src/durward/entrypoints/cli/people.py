"""`durward people`: manage people and their passwords."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.cli.keys import printed_instant
from durward.entrypoints.cli.once import Owners, has_place, lost, make_and_show
from durward.entrypoints.cli.rollout import wait_until_refused
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import Control, StaleRevision, control_of, path_of
from durward.entrypoints.terminal import field, say, say_json, warn

Listed = list[str] | None
PEOPLE: Final = Owners(
    "people", "users", lambda control, name: control.get(path_of("people", name))
)
WRITABLE: Final = (
    *("tenant", "logins", "emails", "name", "locale", "roles", "groups", "policies", "boundary"),
    "disabled",
)
"""The members that a change sends back."""
OF_BEFORE: Final = "tokens issued before"
AGAIN: Final = "repeat the command: a change is made once"

people = App(
    name="people",
    help="List, add, change, disable or delete people; reset passwords.\n\n"
    "A person is named by id, login name or verified address. If a command revokes tokens, it "
    "returns when every node refuses them (exit code 0), or names the nodes that do not (1).",
    result_action="return_value",
)


people.command(
    "durward.entrypoints.cli.people_import:import_people",
    name="import",
    help="Import people from CSV or JSON lines, with the hashes of their passwords.",
)


@people.command(name="list")
def page(
    *,
    tenant: str | None = None,
    group: str | None = None,
    search: str | None = None,
    disabled: Annotated[bool | None, Parameter(negative="--no-disabled")] = None,
    after: str | None = None,
    limit: int = 100,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    json: bool = False,
) -> int:
    """List people in the order of their ids, one page at a time.

    Example: durward people list --tenant acme --search ann

    Args:
        tenant: Only people of this tenant.
        group: Only members of this group.
        search: A prefix of the name, of a login name or of an address.
        disabled: Only disabled people; with --no-disabled only the others.
        after: The last id of the page before.
        limit: The size of the page, up to 500.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object: `people`, and `next` for --after.
    """
    asked = {"tenant": tenant, "group": group, "search": search, "after": after, "limit": limit}
    if disabled is not None:
        asked["disabled"] = "true" if disabled else "false"
    sent = {name: value for name, value in asked.items() if value is not None}
    found = control_of(dir).get("/admin/v1/people", **sent)
    if json:
        say_json(found)
        return DONE
    say(*(line_of(one) for one in found["people"]))
    if found["next"]:
        warn(f"there are more: --after {field(found['next'])}")
    return DONE


@people.command
def show(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Show a person.

    Example: durward people show ann@acme.example

    Args:
        name: The id, a login name or a verified address.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    found = control_of(dir).get(path_of("people", name))
    if json:
        say_json(found)
    else:
        say(*lines_of(found))
    return DONE


@people.command
def add(
    login: str,
    *,
    tenant: str,
    email: Listed = None,
    verified: bool = False,
    name: str = "",
    locale: str = "",
    role: Listed = None,
    group: Listed = None,
    policy: Listed = None,
    boundary: Listed = None,
    id: str = "",
    password: bool = False,
    credentials: Path | None = None,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Add a person. If an identical one exists, nothing changes.

    Example: durward people add cleo --tenant acme --role clerk --password

    Args:
        login: A login name.
        tenant: The home tenant.
        email: An e-mail address; can be given several times.
        verified: The addresses are verified: the person signs in with them.
        name: The display name.
        locale: The language, such as `de-CH`.
        role: A role; this and the next three can be given several times.
        group: A group.
        policy: An own policy.
        boundary: A policy of the permissions boundary.
        id: The subject of the tokens, for ever; generated if not given.
        password: Also generate a password, shown once.
        credentials: The file for the password (mode 0600), instead of the terminal.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control, wants_password = control_of(dir), password or credentials is not None
    if wants_password and not has_place(credentials):
        raise lost("people add", "password")
    emails = [{"address": each, "verified": verified} for each in email or ()]
    body = {
        "tenant": tenant,
        "id": id,
        "logins": [login],
        "emails": emails,
        "name": name,
        "locale": locale,
        "roles": role or [],
        "groups": group or [],
        "policies": policy or [],
        "boundary": boundary or [],
    }
    made = control.post("/admin/v1/people", body, AGAIN)
    who = made["person"]["id"]
    if json:
        say_json(made)
    else:
        say(f"{field(login)} {'is added' if made['changed'] else 'exists'}, with the id {who}")
    if not wants_password:
        return DONE
    make_and_show("password", login, PEOPLE, control, credentials)
    return DONE if made["changed"] else wait_until_refused(control, OF_BEFORE)


@people.command
def change(
    who: str,
    *,
    tenant: str | None = None,
    name: str | None = None,
    locale: str | None = None,
    add_login: Listed = None,
    remove_login: Listed = None,
    add_email: Listed = None,
    verify_email: Listed = None,
    remove_email: Listed = None,
    add_role: Listed = None,
    remove_role: Listed = None,
    add_group: Listed = None,
    remove_group: Listed = None,
    add_policy: Listed = None,
    remove_policy: Listed = None,
    add_boundary: Listed = None,
    remove_boundary: Listed = None,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Change a person. Options with `add`, `verify` and `remove` can be repeated.

    A change of tenant, roles, groups or policies revokes the tokens issued before. Exit code 1:
    the person is changed, but not every node refuses these tokens yet.

    Example: durward people change cleo --add-role reporter --remove-role clerk

    Args:
        who: The id, a login name or a verified address.
        tenant: The new home tenant; sessions and grants end.
        name: The new display name.
        locale: The new language.
        add_login: A login name to add.
        remove_login: A login name to remove.
        add_email: An unverified address to add.
        verify_email: An address to add or mark as verified.
        remove_email: An address to remove.
        add_role: A role to add.
        remove_role: A role to remove.
        add_group: A group to join.
        remove_group: A group to leave.
        add_policy: An own policy to add.
        remove_policy: An own policy to remove.
        add_boundary: A policy to add to the boundary.
        remove_boundary: A policy to remove from the boundary.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    single = {"tenant": tenant, "name": name, "locale": locale}
    values = {member: value for member, value in single.items() if value is not None}
    lists = {
        "logins": (add_login, remove_login),
        "roles": (add_role, remove_role),
        "groups": (add_group, remove_group),
        "policies": (add_policy, remove_policy),
        "boundary": (add_boundary, remove_boundary),
    }
    addresses = (add_email, verify_email, remove_email)
    if not values and not any(map(any, (*lists.values(), addresses))):
        raise Misconfigured(
            "people change", "no change is given", hint="durward people change --help"
        )

    def edit(body: dict[str, Any]) -> None:
        body.update(values)
        for member, (more, less) in lists.items():
            body[member] = with_and_without(body[member], more or (), less or ())
        body["emails"] = readdressed(body["emails"], *(each or () for each in addresses))

    control = control_of(dir)
    done = rewrite(control, who, edit)
    return finish(control, done, f"{field(who)} is changed", json=json)


@people.command
def disable(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Disable a person: sessions, grants and tokens end at once.

    Exit code 1: the person is disabled, but not every node refuses the tokens yet.

    Example: durward people disable cleo

    Args:
        name: The id, a login name or a verified address.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control = control_of(dir)
    done = rewrite(control, name, lambda body: body.update(disabled=True))
    until_applied(done, "disabled: false", "enables")
    return finish(control, done, f"{field(name)} is disabled", json=json)


@people.command
def enable(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Enable a person: sign-in is possible again; former sessions and tokens stay revoked.

    Example: durward people enable cleo

    Args:
        name: The id, a login name or a verified address.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control = control_of(dir)
    done = rewrite(control, name, lambda body: body.update(disabled=False))
    until_applied(done, "disabled: true", "disables")
    return finish(control, done, f"{field(name)} is enabled", json=json)


@people.command
def delete(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Delete a person with password, sessions, grants and consents. The id is never given again.

    Exit code 1: the person is deleted, but not every node refuses the tokens yet.

    Example: durward people delete cleo

    Args:
        name: The id, a login name or a verified address.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control = control_of(dir)
    done = control.put(path_of("people", name), None, AGAIN, method="DELETE")
    told = "is deleted" if done["changed"] else "was deleted before"
    return finish(control, done, f"{field(name)} {told}", json=json)


@people.command
def password(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    credentials: Path | None = None,
) -> int:
    """Make a new password for a person, and end their sessions. It is shown once.

    Exit code 1: it is made, but not every node refuses the tokens of these sessions yet.

    Example: durward people password cleo

    Args:
        name: The id, a login name or a verified address.
        dir: The folder that holds durward.toml, such as the demo's.
        credentials: The file for the password (mode 0600), instead of the terminal.
    """
    control = control_of(dir)
    make_and_show("password", name, PEOPLE, control, credentials)
    return wait_until_refused(control, "tokens of their former sessions")


@people.command
def invite(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Mail a link to a person, by which they choose a password. A former link ends.

    It goes to a verified address; if there is none, to the first address, which is verified by it.
    The link works once, for three days. Nothing ends until a password is chosen.

    Example: durward people invite cleo

    Args:
        name: The id, a login name or a verified address.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    made = control_of(dir).post(f"{path_of('people', name)}/invitation", {}, AGAIN)
    if json:
        say_json(made)
    else:
        until = printed_instant(made["expires_at"])
        say(f"a link is mailed to {field(made['address'])}; it works until {until}")
    return DONE


def rewrite(control: Control, name: str, edit: Callable[[dict[str, Any]], None]) -> Any:
    """Read a person, edit and write it back; once more if another change came between."""
    path = path_of("people", name)
    for is_last in (False, True):
        found, tag = control.tagged(path)
        body = {member: found[member] for member in WRITABLE}
        edit(body)
        try:
            return control.put(path, body, AGAIN, tag=tag)
        except StaleRevision:
            if is_last:
                raise
    raise AssertionError


def finish(control: Control, done: Mapping[str, Any], told: str, *, json: bool) -> int:
    """Report a change when its revocations are in force at every edge.

    It waits even if nothing changed: an earlier command may have been interrupted.
    """
    code = DONE
    if done["revoked"] or not done["changed"]:
        code = wait_until_refused(control, OF_BEFORE, warn if json else say)
    if json:
        say_json({**done, "refused_everywhere": code == DONE})
    elif code == DONE:
        say(f"✓ {told}" if done["changed"] else f"✓ {told}; nothing changed")
    elif code == FOUND:
        say(f"{told} in the control plane")
    return code


def until_applied(done: Mapping[str, Any], member: str, undoes: str) -> None:
    """Warn that the next `apply` of a file undoes this, if the file says so."""
    if name := done["person"]["declared"]:
        warn(f"users/{field(name)} is declared in a file: `{member}` there {undoes} them again")


def with_and_without(listed: list[str], more: Any, less: Any) -> list[str]:
    """A list after additions and removals, in its order."""
    fresh = [name for name in more if name not in listed]
    return [name for name in (*listed, *dict.fromkeys(fresh)) if name not in less]


def readdressed(
    listed: list[dict[str, Any]], more: Any, verified: Any, less: Any
) -> list[dict[str, Any]]:
    """The addresses after additions, verifications and removals."""
    known = {each["address"]: each["verified"] for each in listed}
    for address in more:
        known.setdefault(address, False)
    for address in verified:
        known[address] = True
    return [
        {"address": address, "verified": is_verified}
        for address, is_verified in known.items()
        if address not in less
    ]


def line_of(one: Mapping[str, Any]) -> str:
    """A person in one line."""
    logins = [*one["logins"], *(each["address"] for each in one["emails"])]
    notes = ("disabled" if one["disabled"] else "", "declared" if one["declared"] else "")
    called = field(logins[0]) if logins else "-"
    told = (field(one["id"]), called, field(one["tenant"]), ",".join(map(field, one["roles"])))
    return "  ".join(filter(None, (*told, *notes)))


def lines_of(one: Mapping[str, Any]) -> list[str]:
    """A person in several lines, without empty attributes."""
    emails = [
        f"{field(each['address'])}{'' if each['verified'] else ' (not verified)'}"
        for each in one["emails"]
    ]
    told = {
        "id": field(one["id"]),
        "tenant": field(one["tenant"]),
        "logins": ", ".join(map(field, one["logins"])),
        "emails": ", ".join(emails),
        "name": one["name"] and field(one["name"]),
        "locale": one["locale"],
        **{
            member: ", ".join(map(field, one[member]))
            for member in ("roles", "groups", "policies", "boundary")
        },
        "disabled": "yes" if one["disabled"] else "",
        "password": "yes" if one["password"] else "no",
        "declared": f"in files, as users/{field(one['declared'])}" if one["declared"] else "",
        "made": f"{printed_instant(one['made_at'])} by {field(one['made_by'])}",
        "changed": f"{printed_instant(one['changed_at'])}, revision {one['revision']}",
    }
    return [f"{what:9} {value}" for what, value in told.items() if value]
