"""Speed: networks in, milliseconds, frames a second and bytes out, under one protocol."""
