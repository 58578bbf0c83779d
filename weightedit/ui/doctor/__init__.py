"""The room where a model is checked: what it is called with, where it breaks, and edits that make it run."""
