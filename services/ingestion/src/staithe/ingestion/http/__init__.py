"""The upload API of the ingestion service."""
