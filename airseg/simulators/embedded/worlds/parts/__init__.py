"""Things that worlds share: roads, plants, fixtures, furniture, vehicles."""
