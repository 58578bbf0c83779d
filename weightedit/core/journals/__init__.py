"""Edits on disk before they happen, and given back after a crash."""
