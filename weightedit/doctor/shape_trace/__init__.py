"""From an input to the first failure: every module's shapes in call order, what disagrees, and edits that mend it."""
