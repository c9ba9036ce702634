"""The fault suite: recorder and server killed, unplugged, filled up and lied to. Results: docs/ref/faults.md."""
