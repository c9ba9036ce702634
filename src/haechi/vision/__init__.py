"""From coded units to detections and tracks: decode and infer in workers without network, schedule, gate, track."""
