"""Codes that a person reads off one screen and types into another, and the tokens that phones get for them."""

from __future__ import annotations

import hashlib
import secrets

from haechi.base.errors import Invalid

ALPHABET = "ACDEFGHJKLMNPQRTUVWXY34679"
"""Without what one takes for another: B and 8, I, 1 and L's small form, O and 0, S and 5, Z and 2."""
LENGTH = 8
"""26^8: 38 bits. A code lives for ten minutes, and guessing is throttled by address."""
PREFIX = "hph_"
TOKEN_BYTES = 32
LONGEST_CODE = 40
LONGEST_TOKEN = 128


def new_code() -> str:
    """A fresh code, as it is shown: ``ACDE-FGHJ``."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def plain_code(text: str) -> str:
    """A code as a person may type it, with other letters or spaces between, as it is compared.

    Raises:
        Invalid: ``bad-pairing-code``: no code looks like that.
    """
    plain = "".join(text[:LONGEST_CODE].upper().replace("-", " ").split())
    if len(text) > LONGEST_CODE or len(plain) != LENGTH or not set(plain) <= set(ALPHABET):
        message = f"a code has {LENGTH} letters and digits, for example ACDE-FGHJ; type it as it is shown"
        raise Invalid(message, code="bad-pairing-code")
    return plain


def new_token() -> str:
    """What a phone shows from now on: ``hph_`` and 43 characters, 256 bits."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(secret: str) -> bytes:
    """SHA-256. That is enough for a token, which is random; a code is worth something for ten minutes only."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
