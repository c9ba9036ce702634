"""What a camera that dials keeps of its own stream while nobody can be reached, and how it gives it out again."""
