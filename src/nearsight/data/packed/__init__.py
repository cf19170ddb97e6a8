"""Images that are stored so that a tile is read without the rest: their form, writing them, and reading tiles."""
