"""The one room for the `cryptography` library: signing, sealing, and the private certificate authority."""
