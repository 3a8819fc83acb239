"""The dataset file: packing, reading, clips and splits."""
