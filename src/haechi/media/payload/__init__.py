"""RTP payload formats: per codec a depacketiser (payloads to units) and a packetiser (units to payloads)."""
