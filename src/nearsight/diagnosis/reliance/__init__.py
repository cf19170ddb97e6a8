"""How much of the evidence lies off the object."""
