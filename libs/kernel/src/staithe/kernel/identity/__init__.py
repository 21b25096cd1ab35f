"""Who is calling: bearer tokens checked against an issuer's published keys, and the right they carry."""
