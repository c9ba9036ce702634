"""Where things are kept: the database, and (later) blobs."""
