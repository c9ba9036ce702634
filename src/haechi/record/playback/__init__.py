"""Footage again as pictures: pieces on the wall clock, clips, films, previews, and the very units."""
