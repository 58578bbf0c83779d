"""An edit of many tensors: its form, a row for each tensor, and what it would cost."""
