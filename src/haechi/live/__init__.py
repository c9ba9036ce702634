"""Shows access units to viewers as they come. Every unit is put into boxes once, however many watch."""
