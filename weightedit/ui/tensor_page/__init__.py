"""The page of one tensor: header, dims, heatmap or values, and the read-out."""
