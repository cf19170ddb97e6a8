"""JPEGs that are stored so that a tile can be read without the rest: their form, writing them, and reading tiles."""
