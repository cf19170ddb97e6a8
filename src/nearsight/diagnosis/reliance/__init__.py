"""Object or background: where the evidence lies, and what is decided when either is removed."""
