"""Index and disk, compared and made to agree: at the start, after it, and when somebody asks."""
