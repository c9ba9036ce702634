"""Sound files that are to be said to cameras, decoded in a locked-in process."""
