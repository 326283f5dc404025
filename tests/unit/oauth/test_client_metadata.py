"""What operators read of a client: what is registered, and what is demanded of it now."""

import pytest

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.profile import Profile
from durward.core.oauth.client_metadata import client_metadata
from durward.core.values import ClientId, Instant, from_numeric_date

END = from_numeric_date(1_806_537_600)  # 2027-04-01T00:00:00Z
CONFIGURATION = read_configuration(
    [
        Declaration(DeclarationKind.TENANT, "acme", {}),
        Declaration(
            DeclarationKind.CLIENT,
            "wiki",
            {
                "tenant": "acme",
                "redirect_uris": ["https://wiki.example/"],
                "scopes": ["openid", "profile"],
            },
        ),
        Declaration(
            DeclarationKind.WAIVER,
            "wiki-pkce",
            {
                "client": "wiki",
                "relaxes": "pkce",
                "owner": "web team",
                "reason": "no PKCE in version 3",
                "until": "2027-03-31",
            },
        ),
    ]
)


@pytest.mark.parametrize(
    ("now", "floor", "state"),
    [
        (Instant(END - 1), Profile.OAUTH21, "ends soon"),
        (END, Profile.OAUTH21, "ended"),
        (Instant(END - 1), Profile.FAPI2_SP, "not allowed"),
    ],
)
def test_the_metadata_has_the_waivers_of_the_client(
    now: Instant, floor: Profile, state: str
) -> None:
    client = CONFIGURATION.clients["wiki"]
    found = client_metadata(CONFIGURATION, ClientId("wiki"), client, floor, now)
    assert found["client_name"] == "wiki"
    assert found["scope"] == "openid profile"
    assert found["token_endpoint_auth_methods"] == ["client_secret_basic", "client_secret_post"]
    assert found["profile"] == floor.value
    waiver = {"name": "wiki-pkce", "relaxes": "pkce", "until": "2027-03-31", "state": state}
    assert found["waivers"] == [waiver]


def test_a_client_has_the_waivers_that_are_for_it_alone() -> None:
    client = CONFIGURATION.clients["wiki"]
    found = client_metadata(CONFIGURATION, ClientId("shop"), client, Profile.OAUTH21, END)
    assert found["waivers"] == []
