"""Files into the registry: read, check everything, then store all of it or nothing."""
