"""The texts of a demo: addresses, commands to try, and how to end it."""

import shlex
from textwrap import indent

from durward.entrypoints.command import durward
from durward.entrypoints.demo.instance import DemoInstance

LAST_LINE = "Leave this running"


def page(place: DemoInstance) -> str:
    """The addresses, and commands to try."""
    calls = {
        "call --as ann GET /v1/acme/orders/1001": "200, a person signs in",
        "call --as bob GET /v1/acme/orders/1001": "403, of another tenant",
        "call --as reporting GET /v1/acme/reports/summary": "200, a service signs in",
        "explain d_…": "what decided a request, and why",
        "logs --follow": "what happens, as it happens",
    }
    shown = {durward(words, place.folder): outcome for words, outcome in calls.items()}
    width = max(map(len, shown))
    listed = "\n".join(f"  {command:{width}}   {outcome}" for command, outcome in shown.items())
    kept = shlex.quote(str(place.folder / "credentials"))
    apply = durward(f"apply my.durward.yaml --credentials {kept}", place.folder)
    orders = shlex.quote(str(place.orders))
    edited = durward(f"apply {orders} --credentials {kept}", place.folder)
    curl = f"curl --cacert {shlex.quote(str(place.ca.certificate))} -i" if place.tls else "curl -i"
    return f"""
Durward stands at the door of the sample API.

  sample app   {place.app}  sign in as ann or bob
  issuer       {place.issuer}  your own page: sessions, applications
  APIs         {place.apis}
{trust(place)}  mails        {place.mails}  to people of this demo; none is sent
  passwords    {place.folder}/credentials
  files        {place.folder}  settings, logs

Policies decide: {place.orders}/durward.yaml
Edit it, then put it in force: `{edited}`

Each refusal has a decision's id for `explain`:

  {curl} {place.apis}/v1/status               200, a policy lets anybody see it
  {curl} {place.apis}/v1/acme/orders/1001     401, without a token
  {curl} {place.apis}/elsewhere               404, not declared
{listed}

Protect your own API: `{apply}` with

{indent(own_api(place), "  ")}
and then `{durward("call --as job GET /things", place.folder)}`.

"""


def trust(place: DemoInstance) -> str:
    """How a browser or another client gets to trust the demo over TLS; nothing without."""
    if not place.tls:
        return ""
    return f"""\
  its CA       {place.ca.certificate}  import it in your browser: it can
               vouch for localhost and 127.0.0.1 alone
"""


def own_api(place: DemoInstance) -> str:
    """Declarations that protect the user's own API beside the sample."""
    return f"""\
# The service listens on port 9000; its openapi.yaml, beside this file, has at least
#   openapi: 3.1.0
#   paths: {{ /things: {{ get: {{ operationId: GetThings }} }} }}
tenants: {{ mine: {{}} }}
apis:
  my-api: {{ openapi: openapi.yaml, audience: "{place.apis}/my-api", upstream: "127.0.0.1:9000" }}
policies:
  read-all:
    Version: "2012-10-17"
    Statement: {{ Effect: Allow, Action: "my-api:Get*", Resource: "arn:durward:my-api:*::*" }}
roles:
  reader: {{ policies: [read-all] }}
clients:
  job: {{ tenant: mine, grants: [client_credentials], apis: [my-api], roles: [reader] }}
"""


def ends(place: DemoInstance) -> str:
    """The last line of a demo in the foreground."""
    return f"{LAST_LINE}; end it by Ctrl-C or `{durward('demo stop', place.folder)}`."


def runs_on(place: DemoInstance) -> str:
    """The last line of a demo in the background."""
    return f"It runs in the background; `{durward('demo stop', place.folder)}` ends it."


def runs_elsewhere(place: DemoInstance) -> str:
    """The last line about a demo in the foreground of another terminal."""
    return f"It runs in a terminal; Ctrl-C there or `{durward('demo stop', place.folder)}` ends it."
