"""The device side: what runs in or as a camera."""
