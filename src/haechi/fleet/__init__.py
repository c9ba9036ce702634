"""Cameras as the operator knows them: registry now; binding, commands and updates later."""
