"""What modules take and give in one run, kept as it was: detached, deep, within a budget, and as a file."""
