"""From results to facts: rules, events, their pictures and clips, and the proof that a decision can be made again."""
