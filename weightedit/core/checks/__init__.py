"""How each hazard is found: one file for each subject, and `core.preflight` asks them all."""
