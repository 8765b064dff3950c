"""What `tests/browser.py` is made of."""
