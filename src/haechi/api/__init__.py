"""The edge: HTTP and WebSocket. It knows who asks, what they may see, and how to say it; it decides nothing else."""
