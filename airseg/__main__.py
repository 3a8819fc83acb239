"""``python -m airseg`` is the same as ``airseg``."""

from airseg.cli import main

if __name__ == "__main__":
    main()
