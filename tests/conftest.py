"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no finding: examples have no deadline, the tests a time limit of their own.
settings.register_profile("airseg", deadline=None)
settings.load_profile("airseg")
