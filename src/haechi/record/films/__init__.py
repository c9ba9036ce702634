"""Films: files and videos from sites, taken in as the recording of a camera of their own."""
