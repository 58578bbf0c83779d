"""The tests; this file lets them share `tests.checkpoints`."""
