"""Files at work: opened, dropped, watched, saved, exported, patched, closed."""
