"""Plans: what a published plan promises, as data; its targets, its figures, and the contradictions between them."""
