"""Pages that stand in the middle of the window for a while: settings, help, about, a module."""
