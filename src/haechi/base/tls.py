"""TLS towards cameras, whoever speaks to them."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def tls_to_cameras() -> ssl.SSLContext:
    """The context for connections that we open to cameras: one for all of them.

    Cameras sign their own certificates: TLS keeps listeners out, and proves no identity. So the authorities of the
    system are left out, which nobody would be compared with: they take most of a megabyte, and longer to read than all
    else.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
