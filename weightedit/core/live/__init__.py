"""Objects of running code: modules and their tensors, edited where they are, with all that depends on them."""
