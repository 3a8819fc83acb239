"""Label maps: from mesh names and raw ids to the eleven classes."""
