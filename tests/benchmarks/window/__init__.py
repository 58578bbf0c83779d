"""The real window, driven by a script while somebody looks on: waits, memory, and what was being done."""
