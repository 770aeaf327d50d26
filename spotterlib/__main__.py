"""`python -m spotterlib` is `spotter`."""

from .terminal import run

if __name__ == "__main__":
    run()
