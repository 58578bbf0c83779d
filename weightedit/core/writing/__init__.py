"""Files written whole, cloned or patched: laid out, planned, exchanged, put back."""
