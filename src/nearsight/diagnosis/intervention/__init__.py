"""Object or background, by intervention: one of them is taken away, and the classifier is asked again."""
