"""Plans measured against the registry and the map."""
