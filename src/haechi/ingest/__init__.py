"""Takes access units from cameras over exactly one connection per source, and stamps each once."""
