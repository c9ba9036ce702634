"""Who may ask the device: UsernameToken by the device's own clock, or HTTP Digest."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections import deque
from datetime import datetime
from typing import Literal

from haechi.base.clock import NS_PER_S
from haechi.fleet.onvif.soap import password_digest
from haechi.fleet.onvif.xml import Node
from haechi.media.rtsp.auth import Challenge, Credentials, verify

TOKEN_LIFE_S = 10.0
"""A token older or newer than this, by the device's clock, is refused. Cameras: 5 s to 5 min."""
Demand = Literal["either", "digest", "token"]


class Users:
    """One user with a password; an empty name lets everybody in.

    Args:
        demand: Which kind of log-in it takes.
    """

    def __init__(self, username: str, password: str, demand: Demand = "either", algorithm: str = "MD5") -> None:
        self.who = Credentials(username, password)
        self._demand = demand
        self._challenge = Challenge("digest", "Virtual camera", secrets.token_hex(16), algorithm, "", "auth")
        self._nonces: deque[str] = deque(maxlen=1024)

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate; empty when it takes tokens only."""
        if self._demand == "token":
            return ""
        one = self._challenge
        return f'Digest realm="{one.realm}", nonce="{one.nonce}", qop="{one.qop}", algorithm={one.algorithm}'

    def admits(self, header: Node | None, authorization: str, now_ns: int) -> bool:
        """Whether a question comes from the user. ``now_ns`` is the device's time."""
        if not self.who.username:
            return True
        if authorization and self._demand != "token":
            return verify(authorization, self._challenge, self.who, "POST")
        token = header.find("Security", "UsernameToken") if header is not None else None
        return token is not None and self._demand != "digest" and self._is_ours(token, now_ns)

    def _is_ours(self, token: Node, now_ns: int) -> bool:
        told, created = token.text_at("Nonce"), token.text_at("Created")
        try:
            nonce = base64.b64decode(told, validate=True)
            age_s = now_ns / NS_PER_S - datetime.fromisoformat(created).timestamp()
        except (binascii.Error, ValueError):
            return False
        expected = password_digest(nonce, created, self.who.password)
        is_right = hmac.compare_digest(token.text_at("Password").encode(), expected.encode())
        is_fresh = abs(age_s) <= TOKEN_LIFE_S and told not in self._nonces
        self._nonces.append(told)
        return is_right and is_fresh and token.text_at("Username") == self.who.username
