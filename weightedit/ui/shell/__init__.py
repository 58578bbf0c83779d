"""The frame of the window and its first moments: bars, rail, menus, what stands before the rest is imported."""
