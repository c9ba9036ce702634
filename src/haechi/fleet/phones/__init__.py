"""Phones as cameras: pairing, signalling between a phone and who watches it, and the servers that find them a way."""
