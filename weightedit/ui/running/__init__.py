"""The process a window lives in: events, signals, the collector, memory."""
