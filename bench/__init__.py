"""Measurements beside named peers in the same run. Ratios count; the machine's mood does not."""
