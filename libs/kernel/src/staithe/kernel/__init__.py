"""staithe.kernel: what every service agrees on: events, codec, stream runtime, settings, telemetry, keys."""
