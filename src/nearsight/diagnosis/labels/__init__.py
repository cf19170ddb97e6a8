"""Labels that are contradicted, and pictures that are also in another split."""
