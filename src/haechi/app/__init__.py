"""Puts the rooms together: settings, the embedded server, the command line. The only place that names adapters."""
