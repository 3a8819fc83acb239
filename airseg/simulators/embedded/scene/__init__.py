"""What a world is made of: named objects with geometry and materials, and cars that drive."""
