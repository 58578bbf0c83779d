"""What one training step and a pass over the data say: records in, findings with their mends out; no torch."""
