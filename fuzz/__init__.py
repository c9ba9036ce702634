"""Fuzz targets, one per parser: anything but a `HaechiError` is a crash. `python -m fuzz.run --seconds 5` runs all."""
