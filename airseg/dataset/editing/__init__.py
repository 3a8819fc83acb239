"""New datasets of old ones: chosen, joined, appended, divided into shards, split anew."""
