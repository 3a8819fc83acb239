"""The renderer: a world and a view in; colour, ids, depth, normals and motion of its pixels out."""
