"""The volume that footage lies on, and what makes it unreadable without a key."""
