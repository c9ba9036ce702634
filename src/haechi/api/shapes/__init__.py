"""What goes over the wire as JSON: pydantic models, and the translation from our own values."""
