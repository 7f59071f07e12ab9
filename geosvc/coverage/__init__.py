"""From a surface to answers: who is covered, who is not, where the gaps are."""
