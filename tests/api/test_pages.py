"""The plain pages beside the application."""

import pytest

from haechi.api.headers import CONTENT_SECURITY_POLICY, policy_with_sockets


def test_the_plain_pages_name_their_own_sockets_for_old_safaris() -> None:
    policy = policy_with_sockets("https", "cams.example.org:8443")
    assert "connect-src 'self' wss://cams.example.org:8443;" in policy
    assert policy.replace(" wss://cams.example.org:8443", "") == CONTENT_SECURITY_POLICY
    assert "connect-src 'self' ws://[::1]:8300;" in policy_with_sockets("http", "[::1]:8300")


@pytest.mark.parametrize("host", ["", "a;script-src *", "a b", "*", "a:b", "a:123456", "a\nb"])
def test_a_host_that_is_none_changes_no_policy(host: str) -> None:
    assert policy_with_sockets("https", host) == CONTENT_SECURITY_POLICY
