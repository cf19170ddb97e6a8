"""Whether tile maps explain a decision that is made on whole images."""
