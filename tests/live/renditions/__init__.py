"""Live pictures in another size or coding."""
