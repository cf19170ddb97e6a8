"""The accuracy under every protocol."""
