"""WHEP: a browser or a player watches by WebRTC, and gets the camera's packets as they are."""
