"""Labels that are contradicted, and pictures that another split holds as well."""
