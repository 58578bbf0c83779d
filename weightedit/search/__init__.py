"""Finding tensors and cells, and computing values: the language of expressions and conditions."""
