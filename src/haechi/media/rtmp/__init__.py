"""RTMP as far as playing needs it: AMF0, chunks, the client machine, FLV tags; bytes in, values out."""
