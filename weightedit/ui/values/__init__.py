"""The values of a slice as a table that can be edited, of any size."""
