"""What one trusted file is as a module, found out in a process of its own; trust is by the hash of its content."""
