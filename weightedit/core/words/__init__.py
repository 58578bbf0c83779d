"""What core says to people: names, numbers, sizes and shortages as text."""
