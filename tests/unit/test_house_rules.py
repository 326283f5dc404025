"""The house rules about names: each refuses what it is for, and the product keeps all of them."""

import pytest
from tools.house_rules import CONCEPTS, clauses, homonyms, sources

CLASS = "class Place:\n    pass\n"


def test_the_names_of_the_product_stand_for_one_thing_each() -> None:
    modules = sources()
    assert "core/policy/engine/evaluate.py" in modules
    assert [*homonyms(modules), *clauses(modules)] == []


def test_a_public_class_is_the_only_one_of_its_name() -> None:
    (broken,) = homonyms({"core/one.py": CLASS, "services/two.py": CLASS})
    assert broken.endswith("several classes are called `Place`, in core/one.py, services/two.py")


@pytest.mark.parametrize(
    "other", ["class _Place:\n    pass\n", "class Site:\n    class Place:\n        pass\n"]
)
def test_private_and_inner_classes_may_share_a_name(other: str) -> None:
    assert [*homonyms({"core/one.py": CLASS, "services/two.py": other})] == []


def test_two_modules_of_a_name_are_one_concept_in_two_layers() -> None:
    assert CONCEPTS["sessions"] == "store services"
    assert [*homonyms({"store/sessions.py": "", "services/sessions.py": ""})] == []
    (broken,) = homonyms({"core/changes.py": "", "entrypoints/cli/changes.py": ""})
    assert broken.endswith("several modules are called `changes`, in core, entrypoints/cli")


def test_a_concept_has_no_module_in_a_layer_that_is_not_listed() -> None:
    (broken,) = homonyms(
        {"store/sessions.py": "", "services/sessions.py": "", "sdk/sessions.py": ""}
    )
    assert "`sessions`" in broken


def test_every_listed_concept_is_one_of_several_modules() -> None:
    listed = {f"{folder}/{stem}.py" for stem, where in CONCEPTS.items() for folder in where.split()}
    assert listed <= sources().keys()
    assert all(len(where.split()) > 1 for where in CONCEPTS.values())


@pytest.mark.parametrize("source", ["def told(): ...", "class A:\n    async def tell(self): ..."])
def test_a_function_is_named_after_what_it_does(source: str) -> None:
    (broken,) = clauses({"core/one.py": source})
    assert broken.startswith("src/durward/core/one.py:")
