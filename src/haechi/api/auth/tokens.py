"""Random tokens, of which the database holds only the hash."""

import hashlib
import secrets

TOKEN_BYTES = 32
LONGEST_TOKEN = 128


def new_token(size_bytes: int = TOKEN_BYTES) -> str:
    """A fresh token in URL-safe characters; 256 bits unless told otherwise."""
    return secrets.token_urlsafe(size_bytes)


def hash_of(token: str) -> str:
    """What is stored of a token. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_of(token: str) -> str:
    """The CSRF token that belongs to a session token; it cannot be turned back into it."""
    return hashlib.sha256(b"haechi csrf\0" + token.encode("utf-8", "surrogatepass")).hexdigest()[:40]
