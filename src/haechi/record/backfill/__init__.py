"""What a camera kept while it could not reach us, put into the gap where it belongs: closed files, listed at once."""
