"""A module for each command: what declares its options, and what runs it."""
