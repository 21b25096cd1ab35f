"""The HTTPS edge of sanitization: re-identification, for whoever may."""
