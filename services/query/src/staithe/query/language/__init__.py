"""Answers in a language model's words, off unless an operator sets a provider up.

What leaves is decided here and nowhere else: the question and passages that the provider's entry permits, after the
audit log has it. What comes back is untrusted: only sentences that the passages bear out reach the caller.
"""
