"""What cameras and sensors see: images in the form of the wire, ids, ranges.

In: where vehicles and objects are. Out: what `rpc` answers.
"""
