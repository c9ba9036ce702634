"""What is recorded and what is not: rows, and the questions that are asked of them."""
