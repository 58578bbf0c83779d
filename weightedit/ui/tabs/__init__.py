"""What is open side by side."""
