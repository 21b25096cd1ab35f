"""What the tests on a running stack share."""
