"""What every room stands on: identities, time, errors, supervision, telemetry. No video here."""
