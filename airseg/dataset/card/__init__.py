"""The card of a dataset: a page for people with figures, films and pictures."""
