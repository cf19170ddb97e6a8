"""What speaks for each class: its strongest tiles, sorted into reasons."""
