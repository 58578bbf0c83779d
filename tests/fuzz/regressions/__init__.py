"""What fuzzing found, and what is known to hurt readers of its kind, each as a few lines that make the bytes."""
