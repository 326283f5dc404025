"""The scopes of OpenID Connect, with descriptions for the consent page (OIDC Core §5.4)."""

OPENID = "openid"
OFFLINE = "offline_access"
IDENTITY_SCOPES = {
    OPENID: "Know who you are",
    "profile": "See your name",
    "email": "See your e-mail address",
    OFFLINE: "Keep access while you are signed out",
}
