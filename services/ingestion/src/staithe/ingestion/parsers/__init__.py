"""Turn an untrusted document into plain text, inside a child process that can do nothing else.

Services use `sandbox.ParserPool`; everything below it is pure and can be called in-process by tests.
Nothing is re-exported here: the child imports this package too, and must load only what parsing needs.
"""
