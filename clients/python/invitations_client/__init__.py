"""Client of the Invitations API: the generated functions in `api` and types in `models`, with credentials, retries and pages."""

from .client import AuthenticatedClient, Client
from .connection import ApiError, Connection, Credential, connect
from .pages import pages
from .retry import Clock, Retry

__all__ = ("ApiError", "AuthenticatedClient", "Client", "Clock", "Connection", "Credential", "Retry", "connect", "pages")
