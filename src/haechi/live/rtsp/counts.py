"""What the RTSP server says of itself."""

from __future__ import annotations


class Counts:
    """Since the start, but for the first three.

    Attributes:
        port: It listens on; 0: it does not.
        connections: Open now.
        players: That watch now.
        refused: Log-ins that were wrong.
        malformed: Connections that spoke no RTSP.
        turned_away: Connections for which there was no room, or that never showed a token.
        dropped_units: That slow players did not get.
    """

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.players = 0
        self.refused = 0
        self.malformed = 0
        self.turned_away = 0
        self.sent_bytes = 0
        self.dropped_units = 0
