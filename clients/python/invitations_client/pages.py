"""Lists, page by page."""

from collections.abc import Callable, Iterator
from typing import ParamSpec, Protocol, TypeVar, cast

from .connection import ApiError
from .models import Error, GatewayMessage
from .types import Response, Unset


class _Page(Protocol):
    next_: str | Unset


P = ParamSpec("P")
PageT = TypeVar("PageT", bound=_Page)


def pages(call: Callable[P, Response[Error | GatewayMessage | PageT]], *args: P.args, **kwargs: P.kwargs) -> Iterator[PageT]:
    """All pages of a list, for example `pages(list_invitations.sync_detailed, client=client)`. Raises `ApiError` if one cannot be read."""
    repeat = cast(Callable[..., Response[Error | GatewayMessage | PageT]], call)
    response = call(*args, **kwargs)
    while True:
        page = response.parsed
        if page is None or isinstance(page, Error | GatewayMessage):
            raise ApiError(response.status_code, page)
        yield page
        if not page.next_:
            return
        response = repeat(*args, **{**kwargs, "cursor": page.next_})
