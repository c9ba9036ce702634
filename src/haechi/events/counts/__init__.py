"""Who crosses which line, how often: counted as it happens, kept by quarters of an hour."""
