"""Pages for people: templates, static files, routes."""
