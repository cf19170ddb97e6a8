"""The command line: one function for each command, no logic."""
