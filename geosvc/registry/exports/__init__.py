"""What leaves the registry as files: every column comes back through the importer."""
