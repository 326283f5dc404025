"""`docs/reference/` is made from the classes, its examples are read by the product."""

import msgspec
from tools.reference import EXAMPLES, Section, main, members, page, spelled

from durward.core.configuration.configuration import read_configuration
from durward.entrypoints.declarations import read_declarations
from durward.settings import load_settings


class Lamp(msgspec.Struct):
    """A lamp."""

    watts: int
    """Its power."""
    switches: tuple[str, ...] = ()


def test_the_pages_are_as_the_classes_are() -> None:
    assert main(["--check"]) == 0


def test_the_examples_are_read_as_files_of_users_are() -> None:
    found = read_configuration(read_declarations(EXAMPLES))
    assert {*found.apis} == {"orders", "pets"}
    settings = load_settings(EXAMPLES / "durward.toml")
    assert settings.serve
    assert settings.edge
    assert settings.edge.node().issuer


def test_a_member_without_a_meaning_or_an_example_is_named() -> None:
    missing: list[str] = []
    text = page("Lamps", "All of them.", [Section("lamp", Lamp, [{"watts": 60}])], missing)
    assert "| `watts` | integer | required | `60` | Its power. |" in text
    assert [line.split(":")[0] for line in missing] == ["Lamp.switches", "Lamp.switches"]


def test_inherited_members_are_told() -> None:
    class Torch(Lamp):
        """A lamp that is carried."""

        cell: str = "AA"
        """Its battery."""

    assert {one.name: one.meaning for one in members(Torch)} == {
        "watts": "Its power.",
        "switches": "",
        "cell": "Its battery.",
    }


def test_types_are_in_words() -> None:
    assert spelled(tuple[str, ...] | None) == "list of strings"
    assert spelled(dict[str, int]) == "map to integer"
    assert spelled(str | None) == "string"
