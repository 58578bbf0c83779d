"""The edit panel: an operation's form, its preview, and its hazards."""
