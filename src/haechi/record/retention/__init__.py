"""What is kept, what goes and when, and why: said before it is done."""
