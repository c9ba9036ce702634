"""A thin client: pushes a file or a camera to a server, and gets what the server sees in it."""

from haechi.client.playing import Wish, connect
from haechi.client.sending import Seen

__all__ = ["Seen", "Wish", "connect"]
