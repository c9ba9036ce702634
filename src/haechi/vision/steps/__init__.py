"""What is done with a frame after detecting, in the live worker: joints, appearance, and modules of key frames."""
