"""The database and its history."""
