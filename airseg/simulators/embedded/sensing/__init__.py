"""What cameras and sensors see: images in the form of the wire, ids, ranges."""
