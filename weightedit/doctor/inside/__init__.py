"""What runs beside the person's model: in a process of its own, or in theirs where the module is live."""
