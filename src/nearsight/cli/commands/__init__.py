"""One module per command: a function that declares its options, and one that runs it."""
