"""What a listener of this node shows to a client in the handshake."""

import asyncio
import contextlib
import ssl

from durward.core.address import Address, is_ip
from durward.core.errors import Unavailable
from durward.entrypoints.edge.canary import reachable

WITHIN_SECONDS = 10.0
EACH_SECONDS = 2.0
POLL_SECONDS = 0.02


async def shows(listener: Address, leaf: bytes, name: str | None = None) -> None:
    """Wait until a listener shows this certificate (DER) to who asks for a name.

    Raises Unavailable if it does not in time.
    """
    deadline = asyncio.get_running_loop().time() + WITHIN_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if await certificate_at(listener, name) == leaf:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise Unavailable(f"Envoy does not show the new certificate at {listener}")


async def certificate_at(listener: Address, name: str | None = None) -> bytes | None:
    """The certificate (DER) of a listener; None if there was no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Which certificate it is, is what is asked here: nothing is sent, and nothing is believed.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(EACH_SECONDS):
            if listener.is_socket:
                opening = asyncio.open_unix_connection(
                    listener.host, ssl=context, server_hostname=name or ""
                )
            else:
                host, _, port = reachable(listener).rpartition(":")
                opening = asyncio.open_connection(
                    host.strip("[]"), int(port), ssl=context, server_hostname=name or ""
                )
            _, writer = await opening
    except (OSError, TimeoutError):  # ssl.SSLError is an OSError
        return None
    told: ssl.SSLObject = writer.get_extra_info("ssl_object")
    found = told.getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(EACH_SECONDS):
            await writer.wait_closed()
    return found


def can_be_named(host: str) -> bool:
    """Whether a client names this host in its handshake: no IP address (RFC 6066 §3)."""
    return bool(host) and not is_ip(host.strip("[]"))
