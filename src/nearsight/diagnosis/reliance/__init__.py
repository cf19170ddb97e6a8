"""Object or background: where the evidence lies, and what is decided when one of them is removed."""
