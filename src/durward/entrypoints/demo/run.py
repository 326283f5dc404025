"""Start the processes of a demo in order, watch them, and end them in order."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from time import monotonic

from durward.core.errors import DurwardError
from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.demo.processes import control_plane, desk, edge, mailbox, orders
from durward.entrypoints.demo.runtime import runtime_folder
from durward.entrypoints.demo.sample import write_sample
from durward.entrypoints.demo.seed import seed
from durward.entrypoints.demo.settings_files import write_configuration
from durward.entrypoints.demo.state import write_state
from durward.entrypoints.operator_messages import report
from durward.entrypoints.process import Child, keep_running

RENEWAL_SECONDS = 3_600
Tell = Callable[[str, float], None]


async def run(place: DemoInstance, tell: Tell, ready: Callable[[], None]) -> None:
    """Start everything, keep it running until asked to end, end it in order."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with runtime_folder(place) as runtime:
        first = (orders(place, runtime), control_plane(place, runtime))
        last = (edge(place, runtime), desk(place), mailbox(place))
        if place.tls:
            place.ca.keep()
        write_sample(place, runtime)
        write_configuration(place, runtime)
        write_state(place, runtime)
        watchers: list[asyncio.Task[None]] = []
        try:
            if not all(await asyncio.gather(*(step(child, tell, ended) for child in first))):
                return
            await asyncio.to_thread(seed, place, runtime)
            if not all(await asyncio.gather(*(step(child, tell, ended) for child in last))):
                return
            watchers += [
                asyncio.create_task(keep_running(child, report)) for child in (*first, *last)
            ]
            if place.tls:
                watchers.append(asyncio.create_task(renew(place)))
            ready()
            await ended.wait()
        finally:
            for watcher in watchers:
                watcher.cancel()
            for children in (last, first):
                await asyncio.gather(*(child.stop() for child in children))


async def renew(place: DemoInstance) -> None:
    """Keep the certificate valid, however long the demo runs; the edge takes the new one."""
    while True:
        await asyncio.sleep(RENEWAL_SECONDS)
        try:
            await asyncio.to_thread(place.ca.keep)
        except DurwardError as error:
            report(str(error))


async def step(child: Child, tell: Tell, ended: asyncio.Event) -> bool:
    """Start one process and report the seconds; False if asked to end meanwhile."""
    started = monotonic()
    starting = asyncio.create_task(child.start())
    ending = asyncio.create_task(ended.wait())
    await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return False
    starting.result()
    tell(child.name, monotonic() - started)
    return True
