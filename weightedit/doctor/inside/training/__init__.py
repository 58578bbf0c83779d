"""One training step beside the model: forward, loss, backward and step, each told, and a pass over the data."""
