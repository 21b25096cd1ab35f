"""The Model Context Protocol over streamable HTTP: the same queries as tools, under the caller's own token.

Specification: modelcontextprotocol.io, revisions 2025-06-18, 2025-11-25 (with `initialize`) and 2026-07-28 (without).
The shapes of all messages come from `mcp_types`, the protocol's own types; nothing of a session is kept.
"""
