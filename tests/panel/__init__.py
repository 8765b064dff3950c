"""The tests of the panel. `tests/panel.py` runs them."""
