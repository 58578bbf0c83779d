"""Files as the system has them: opened, locked, told apart, written; nothing of what is in them."""
