"""A small order service. It knows nothing of tokens: the edge in front of it does.

python app.py --uds /run/orders.sock
"""

import argparse
import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

Order = dict[str, Any]

ORDERS: dict[str, dict[str, Order]] = {
    "acme": {
        "1001": {"id": "1001", "owner": "ann", "item": "anvil", "quantity": 2, "state": "open"},
        "1002": {
            "id": "1002",
            "owner": "art",
            "item": "rocket skates",
            "quantity": 1,
            "state": "open",
        },
    },
    "globex": {
        "2001": {"id": "2001", "owner": "bob", "item": "hammock", "quantity": 26, "state": "open"},
    },
}


def answer(request: Request, content: Order, status: int = 200) -> JSONResponse:
    """The content, and who the edge says is asking."""
    seen_as = {
        name: request.headers.get(f"durward-{name}") for name in ("subject", "tenant", "client")
    }
    return JSONResponse({**content, "seen_as": seen_as}, status)


async def get_status(request: Request) -> JSONResponse:
    """Whether the service runs."""
    return answer(request, {"status": "running"})


async def list_orders(request: Request) -> JSONResponse:
    """The orders of a tenant."""
    return answer(request, {"orders": list(orders_of(request).values())})


async def get_order(request: Request) -> JSONResponse:
    """One order."""
    order = orders_of(request).get(request.path_params["order_id"])
    return answer(request, order) if order else answer(request, {"error": "no such order"}, 404)


async def create_order(request: Request) -> JSONResponse:
    """Place an order."""
    wanted = await request.json()
    orders = orders_of(request)
    number = str(max(map(int, orders), default=1000) + 1)
    orders[number] = {
        "id": number,
        "owner": request.headers.get("durward-subject"),
        "item": wanted["item"],
        "quantity": wanted["quantity"],
        "state": "open",
    }
    return answer(request, orders[number], 201)


async def cancel_order(request: Request) -> JSONResponse:
    """Cancel an order."""
    order = orders_of(request).get(request.path_params["order_id"])
    if not order:
        return answer(request, {"error": "no such order"}, 404)
    order["state"] = "cancelled"
    return answer(request, order)


async def get_summary(request: Request) -> JSONResponse:
    """Counts over a tenant's orders."""
    orders = orders_of(request).values()
    pieces = sum(order["quantity"] for order in orders)
    return answer(request, {"orders": len(orders), "pieces": pieces})


def orders_of(request: Request) -> dict[str, Order]:
    """The orders of the tenant that the path names."""
    return ORDERS.get(request.path_params["tenant"], {})


app = Starlette(
    routes=[
        Route("/v1/status", get_status),
        Route("/v1/{tenant}/orders", list_orders, methods=["GET"]),
        Route("/v1/{tenant}/orders", create_order, methods=["POST"]),
        Route("/v1/{tenant}/orders/{order_id}", get_order),
        Route("/v1/{tenant}/orders/{order_id}/cancel", cancel_order, methods=["POST"]),
        Route("/v1/{tenant}/reports/summary", get_summary),
    ]
)


async def serve(path: str) -> None:
    """Serve on a Unix socket that only its owner can reach."""
    Path(path).unlink(missing_ok=True)
    os.umask(0o077)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)  # uvicorn itself would open it to everybody
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uds", required=True, metavar="PATH", help="the Unix socket to listen on")
    asyncio.run(serve(parser.parse_args().uds))
