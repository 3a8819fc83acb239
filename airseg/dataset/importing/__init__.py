"""Published datasets and people's folders, read in their own layouts as sequences to pack."""
