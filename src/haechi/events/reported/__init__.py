"""What cameras notice by themselves, as events of the house."""
