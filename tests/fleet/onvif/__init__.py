"""ONVIF: the client against values, noise, and a real device made of software."""
