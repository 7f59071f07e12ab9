"""HTTP in, workflow, HTTP out: the JSON API, shaped as OGC API - Features Part 1."""
