"""The sample: an API and a web application, and their declarations in the demo's folder."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.demo.state import former

FILES = ("durward.yaml", "openapi.yaml", "orders.test.yaml")
NAMED = DemoInstance(Path(), 8470)
NAMED_RUNTIME = Path("/run")
"""The runtime folder in the packaged sample."""


def example(name: str) -> Path:
    """A sample: packaged in a wheel, beside the sources in a checkout."""
    packaged = Path(str(files("durward"))) / "_examples" / name
    beside = Path(__file__).resolve().parents[4] / "examples" / name
    return packaged if packaged.exists() else beside


def write_sample(place: DemoInstance, runtime: Path) -> None:
    """Write the sample's declarations, in a folder for `durward apply`. Raises Misconfigured.

    They are copied once. Later only the addresses of the last demo are replaced by those of this
    one.
    """
    document = place.orders / "durward.yaml"
    try:
        if place.orders.exists():
            text, left = document.read_text(), former(place)
        else:
            aside = place.orders.with_name(".orders.new")
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            for name in FILES:
                (aside / name).write_text((example("orders") / name).read_text())
            text, left = (aside / "durward.yaml").read_text(), (NAMED, NAMED_RUNTIME)
            (aside / "durward.yaml").write_text(moved(text, left, place, runtime))
            aside.rename(place.orders)
            return
        if left and (told := moved(text, left, place, runtime)) != text:
            aside = document.with_name(".durward.new")
            aside.write_text(told)
            aside.rename(document)
    except (OSError, UnicodeDecodeError) as error:
        hint = f"without {place.orders} the demo writes the sample anew"
        raise Misconfigured(str(document), f"cannot be kept: {error}", hint=hint) from error


def moved(text: str, left: tuple[DemoInstance, Path], place: DemoInstance, runtime: Path) -> str:
    """A text with the addresses of one demo in place of those of another."""
    there, there_runtime = left
    new = dict(zip(there.addresses(there_runtime), place.addresses(runtime), strict=True))
    pattern = "|".join(rf"{re.escape(address)}(?!\w)" for address in new)
    return re.sub(pattern, lambda found: new[found[0]], text)
