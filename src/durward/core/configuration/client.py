"""Clients: applications of people, and services that act for themselves."""

from collections.abc import Container, Iterator, Mapping
from typing import Any, ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names, Text
from durward.core.configuration.profile import Profile, ProfileDemand, demands_of, profile_problems
from durward.core.configuration.redirect_uri import check_origin, check_redirect_uri, origin_of
from durward.core.errors import Misconfigured, ProtocolError
from durward.core.jose.jwk import KEY_OF, KeySet
from durward.core.people.person import OWN_PREFIX

GRANTS = {"authorization_code", "refresh_token", "client_credentials"}
SECRET = "client_secret"  # noqa: S105 - the name of a method
SECRET_METHODS = {"client_secret_basic", "client_secret_post"}
FORM_POST = "form_post"
RESPONSE_MODES = {"query", FORM_POST}
AUTHENTICATIONS = {"none", SECRET, *SECRET_METHODS, "private_key_jwt"}


class Client(Body, frozen=True):
    """An application: what it may do at the authorization server, and who it is as a principal."""

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {
        "tenant": DeclarationKind.TENANT,
        "apis": DeclarationKind.API,
        "authzen_apis": DeclarationKind.API,
        "roles": DeclarationKind.ROLE,
        "policies": DeclarationKind.POLICY,
        "boundary": DeclarationKind.POLICY,
    }

    tenant: Text
    """The tenant that it belongs to, also as a principal."""
    grants: Names = ("authorization_code", "refresh_token")
    """How it gets tokens: `authorization_code` and `refresh_token` for a person,
    `client_credentials` for itself."""
    authentication: Text = SECRET
    """How it proves itself at the token endpoint: `client_secret`, which is either of
    `client_secret_basic` and `client_secret_post`, one in each request; one of these alone;
    `private_key_jwt`, or `none` for a public client."""
    apis: Names = ()
    """The APIs for which it may get tokens."""
    authzen_apis: Names = ()
    """The APIs about which it may ask for decisions (AuthZEN)."""
    scopes: Names = ()
    """The scopes that it may ask for."""
    redirect_uris: Names = ()
    """Where people may be sent back to, each compared character by character."""
    origins: Names = ()
    """Where its pages are, beside the origins of `redirect_uris`: scripts of these may call the
    endpoints for tokens and read the answer (CORS)."""
    post_logout_redirect_uris: Names = ()
    """Where people may be sent after they signed out there."""
    jwks: dict[str, Any] | None = None
    """Its public keys (RFC 7517), for `private_key_jwt`."""
    response_modes: Names = ("query",)
    """How it may be answered at `/authorize`: `query`, in the URL; `form_post`, by a form that the
    browser posts there."""
    require_pushed_authorization_requests: bool = False
    """Its authorization requests count only if it pushes them (PAR, RFC 9126)."""
    first_party: bool = False
    """People are not asked whether they agree, if the client can prove itself."""
    roles: Names = ()
    """Its roles where it acts for itself."""
    policies: Names = ()
    """Policies that grant access to it, where it acts for itself."""
    boundary: Names = ()
    """Policies that cap its access, where it acts for itself."""
    profile: Text = Profile.OAUTH21.value
    """The lowest security profile that it may be held to: `oauth21`; those of FAPI 2.0 cannot
    be chosen yet."""
    disabled: bool = False
    """It gets no tokens, and those that it has are refused."""

    @property
    def floor(self) -> Profile:
        """The lowest profile that it may be held to."""
        return Profile(self.profile)

    @property
    def has_secret(self) -> bool:
        """Whether it proves itself by a secret."""
        return self.authentication in {SECRET, *SECRET_METHODS}

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of RFC 7591 §2 by which it may prove itself; a request uses one of them."""
        return (
            tuple(sorted(SECRET_METHODS))
            if self.authentication == SECRET
            else (self.authentication,)
        )

    @property
    def proves_itself_by(self) -> tuple[object, ...]:
        """What is replaced where this is another one; a secret lies elsewhere."""
        return ("secret",) if self.has_secret else (self.authentication, self.jwks)

    @property
    def page_origins(self) -> Iterator[str]:
        """The origins of its pages: those that it declares, and those to which people return."""
        yield from self.origins
        if "authorization_code" in self.grants:
            yield from filter(None, map(origin_of, self.redirect_uris))

    @property
    def asks_nobody(self) -> bool:
        """Whether people need not agree: it is ours, and who it is can be proven (AS-20)."""
        return self.first_party and self.authentication != "none"

    def problems(self, name: str, people: Container[str]) -> Iterator[str]:
        """What does not fit; `people` have names that tokens must tell from a client's."""
        if name in people or name.startswith(OWN_PREFIX):
            yield "ids of people are so; tokens must tell them apart"
        for grant in set(self.grants) - GRANTS:
            yield f"`{grant}` is not a grant; {', '.join(sorted(GRANTS))} are"
        if self.authentication not in AUTHENTICATIONS:
            yield f"authentication is one of {', '.join(sorted(AUTHENTICATIONS))}"
        if self.authentication == "none" and "client_credentials" in self.grants:
            yield "a public client cannot act for itself"
        if self.authentication == "private_key_jwt" and not self.jwks:
            yield "private_key_jwt needs `jwks`, the client's public keys"
        yield from profile_problems(self.profile)
        yield from self._problems_of_keys()
        if self.authzen_apis and "client_credentials" not in self.grants:
            yield "`authzen_apis` needs the grant client_credentials"
        if "authorization_code" in self.grants and not self.redirect_uris:
            yield "authorization_code needs `redirect_uris`"
        yield from self._problems_of_answers()
        yield from self._problems_of_places()

    def _problems_of_answers(self) -> Iterator[str]:
        """What is wrong with its response modes; a form is posted to a web address alone."""
        for mode in set(self.response_modes) - RESPONSE_MODES:
            yield f"`{mode}` is not a response mode; {', '.join(sorted(RESPONSE_MODES))} are"
        if not self.response_modes:
            yield "`response_modes` is empty"
        if FORM_POST in self.response_modes:
            for uri in self.redirect_uris:
                if not uri.startswith(("https:", "http:")):
                    yield f"`{FORM_POST}` needs redirect URIs of https or http: `{uri}`"

    def _problems_of_places(self) -> Iterator[str]:
        """What is wrong with its redirect URIs and origins."""
        for uri in (*self.redirect_uris, *self.post_logout_redirect_uris):
            try:
                check_redirect_uri(uri)
            except Misconfigured as error:
                yield f"`{uri}`: {error.problem}"
        for origin in self.origins:
            try:
                check_origin(origin)
            except Misconfigured as error:
                advice = f"; {error.hint}" if error.hint else ""
                yield f"`origins`: `{origin}`: {error.problem}{advice}"

    def problems_under(self, profile: Profile) -> Iterator[str]:
        """What does not fit the profile that it is held to."""
        demands = demands_of(profile)
        held = f"the profile `{profile.value}` demands"
        if ProfileDemand.KEY_AUTHENTICATION in demands and self.authentication != "private_key_jwt":
            yield f"{held} authentication: private_key_jwt"
        if ProfileDemand.ENCRYPTED_REDIRECTS in demands:
            for uri in self.redirect_uris:
                if uri.startswith("http:"):
                    yield f"{held} redirect URIs without http: `{uri}`"

    def _problems_of_keys(self) -> Iterator[str]:
        """What is wrong with its keys: they are kept and shown as they are, so all are public."""
        if not self.jwks:
            return
        try:
            keys = KeySet.parse(self.jwks)
        except ProtocolError as error:
            yield f"`jwks`: {error.public}"
            return
        if self.authentication == "private_key_jwt" and not keys.keys:
            yield f"`jwks` has no key for signatures by {', '.join(KEY_OF)}"
