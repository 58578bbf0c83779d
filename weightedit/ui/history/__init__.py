"""The history panel: steps and groups of them, searched, gone to, and compared."""
