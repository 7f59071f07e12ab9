"""Where things are: reference systems, the grid, and the files that carry them."""
