"""The operator's desk: pages on this machine alone, with the operator's own rights, for what the command line does."""
