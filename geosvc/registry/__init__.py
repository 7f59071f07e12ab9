"""Facilities, areas and people: what the workspace holds, and the only way to change it."""
