"""The parts of `tests/oidc_provider.py`."""
