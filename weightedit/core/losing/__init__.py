"""What storing values in a dtype loses: how many, how much, where."""
