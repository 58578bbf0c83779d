"""Broken files of every format, made from whole ones by a seed and a number, and what weightedit makes of them."""
