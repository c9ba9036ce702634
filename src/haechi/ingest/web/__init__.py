"""Sources over HTTP: Motion JPEG, and streams that are pulled piece by piece (HLS)."""
