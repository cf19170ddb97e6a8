"""Whether maps show what the classifier uses."""
