"""Whom a command of this machine trusts over TLS."""

import ssl
from pathlib import Path

import httpx2

from durward.core.edge.node import Tls
from durward.core.errors import Misconfigured


def own_certificate(tls: Tls) -> ssl.SSLContext:
    """For connections to this machine's own edge: that has exactly the certificate of its settings.

    By whichever name it is asked: a name need not be in DNS, nor the CA be known here.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=_first(tls.certificate))
    return context


def everyone(tls: Tls | None) -> ssl.SSLContext:
    """For all others, the issuer among them: by name, and by the CAs of the system.

    The certificate of this machine's own issuer is trusted too, for its names.
    """
    context = httpx2.create_ssl_context(trust_env=False)
    if tls:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=_first(tls.issuer_certificate or tls.certificate))
    return context


def _first(file: str) -> str:
    """The server's own certificate in a file. Raises Misconfigured."""
    try:
        text = Path(file).read_text()
        begin = text.index(BEGIN)
        return text[begin : text.index(END, begin) + len(END)] + "\n"
    except (OSError, ValueError) as error:
        problem = f"the edge's certificate cannot be read: {error}"
        hint = "it is named by `[edge.tls]`; whoever calls the edge from here has to read it"
        raise Misconfigured(file, problem, hint=hint) from error


BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
