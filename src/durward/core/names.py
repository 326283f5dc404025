"""Names in policies: each is one of an API's, or of a key that a request has."""

from collections.abc import Iterator

from durward.core.errors import Misconfigured
from durward.core.estate import Estate
from durward.core.policy.bundle import kinds_of
from durward.core.policy.catalogue import catalogue_of
from durward.core.policy.lint import check
from durward.core.policy.written import read_written

MAX_TOLD = 20


def check_names(estate: Estate) -> None:
    """Refuse policies that speak of what there is not: a Deny that is misspelled denies nothing.

    Raises Misconfigured with every such name.
    """
    wrong = list(_wrong_names(estate))
    if wrong:
        more = [f"and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        told = "\n  ".join(["", *wrong[:MAX_TOLD], *more])
        hint = "`durward policy check` tells the places; keys that a service tells are declared"
        raise Misconfigured("policies", f"name what there is not:{told}", hint=f"{hint} by its API")


def _wrong_names(estate: Estate) -> Iterator[str]:
    operations = {name: api.operations for name, api in estate.apis.items()}
    catalogue = catalogue_of(operations, estate.keys)
    for name, kind in kinds_of(estate.bundle).items():
        written = read_written(estate.bundle.documents[name], name, kind)
        for problem in check(written, catalogue):
            yield f"{name}{problem.pointer}: {problem.message}"
