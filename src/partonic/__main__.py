"""``python -m partonic`` is the command ``partonic``, for launchers that start modules, as ``torchrun``."""

from partonic.cli import main

if __name__ == "__main__":
    main()
