"""The view of a camera: whether its picture is healthy, and where it has moved since its zones were drawn."""
