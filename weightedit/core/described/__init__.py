"""What a checkpoint holds, without a value of it: columns, slots, entries, names, the tree."""
