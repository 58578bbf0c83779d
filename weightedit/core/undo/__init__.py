"""What undo keeps of the bytes that were there: ranges, combs, the spill, snapshots."""
