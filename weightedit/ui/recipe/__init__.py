"""A document's edits saved as a recipe, and a recipe applied."""
