"""The HTTPS interface of the query service."""
