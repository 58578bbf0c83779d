"""What runs beside a person's model, in a process of its own or on a copy of a live module, and gives plain records."""
