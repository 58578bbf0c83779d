"""Whether a model loads and runs; so far what one trusted file is as a module, in a process of its own."""
