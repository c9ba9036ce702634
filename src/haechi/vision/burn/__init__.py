"""Text burned into pictures: decoded, drawn on and coded again in a locked-in process."""
