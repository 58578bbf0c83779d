"""What a crash left unsaved, offered and given back."""
