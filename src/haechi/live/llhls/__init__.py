"""Low-Latency HLS: a window of parts and segments over the chunks that all viewers get, made while somebody asks."""
