"""WHIP (RFC 9725): a browser or an encoder publishes to us, and its packets become units as they are."""
