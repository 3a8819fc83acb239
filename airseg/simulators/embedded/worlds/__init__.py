"""The worlds, a folder each; `catalogue` builds one by name, `parts` is what they share."""
