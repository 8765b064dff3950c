"""The parts of `tests/browser.py`."""
