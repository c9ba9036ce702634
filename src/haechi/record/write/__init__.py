"""From access units to fragments on the disk: cut, written, synced, listed, acknowledged."""
