"""staithe.audit: append every action once to a verifiable transparency log."""
