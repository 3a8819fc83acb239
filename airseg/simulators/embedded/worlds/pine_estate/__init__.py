"""The world `pine_estate`: lodges on large lots along winding roads, in an autumn wood."""
