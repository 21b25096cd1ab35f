"""Where forwarded events go: one module for each kind of receiver."""
