"""The read interface of the log: HTTPS for clients with a certificate."""
