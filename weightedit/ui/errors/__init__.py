"""What went wrong, shown where it happened and kept until it is dismissed."""
