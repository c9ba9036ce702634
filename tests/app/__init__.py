"""Settings, the command line, and how the server listens."""
