"""ONVIF: finds cameras on the network, asks them what they are, moves them, hears what they notice."""
