"""Studies with a known answer, and those recorded in the docs: `python -m studies NAME`."""
