"""When does temporal context help? A network's gain over its per-frame version, by condition."""
