"""The world `harbor_town`: terraced streets around a square, and a quay."""
