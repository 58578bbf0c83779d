"""Will this model load, run and train: code of others runs in a process of its own, edits are proposed by name."""
