"""Live pictures in another size or coding, made in a locked-in process while somebody watches them."""
