"""Windows on the objects of running code."""
