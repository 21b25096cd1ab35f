"""staithe.sanitization: normalise text, mask personal data, quarantine what may not pass."""
