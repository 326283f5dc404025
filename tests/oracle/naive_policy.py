"""A naive evaluator, written from the language's rules alone: slow, plain, no part of the engine.

It works on documents as JSON values and shares no code with what it judges.
"""

import base64
import ipaddress
import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

Document = dict[str, Any]
ODD = object()
"""A value of the request that is neither text nor texts."""


class Unreadable(Exception):
    pass


def read_context(context: dict[str, Any]) -> dict[str, Any]:
    """Keys in lower case, values as text or texts; what is said twice is odd."""
    found: dict[str, Any] = {}
    for key, value in context.items():
        several = isinstance(value, list | tuple)
        texts = [as_text(each) for each in (value if several else [value])]
        odd = ODD in texts or (several and None in texts)
        read = ODD if odd else tuple(texts) if several else texts[0]
        found[key.lower()] = ODD if key.lower() in found else read
    return found


def glob(pattern: str, text: str) -> bool:
    """`*` and `?`, by dynamic programming. Literal signs are marked with a NUL before them."""
    tokens = re.findall(r"\0.|[\s\S]", pattern)
    row = [True] + [False] * len(text)
    for token in tokens:
        if token == "*":
            fresh = [row[0]]
            for index in range(len(text)):
                fresh.append(fresh[index] or row[index + 1])
        else:
            fresh = [False] + [
                row[index] and (token == "?" or token[-1] == text[index])
                for index in range(len(text))
            ]
        row = fresh
    return row[-1]


def quoted(text: str) -> str:
    return "".join(f"\0{sign}" for sign in text)


def fill(text: str, context: dict[str, Any], *, wildcards: bool) -> str | None:
    """Variables replaced by quoted text; None where one has no value."""
    result, place = "", 0
    for found in re.finditer(r"\$\{([^}]*)\}", text):
        outside = text[place : found.start()]
        result += outside if wildcards else quoted(outside)
        place = found.end()
        inside = found[1]
        if inside in ("*", "?", "$"):
            result += quoted(inside)
            continue
        key, _, default = inside.partition(",")
        value = context.get(key.strip().lower())
        if value is ODD:
            raise Unreadable
        if value in (None, ()) and default:
            value = default.strip()[1:-1]
        if not isinstance(value, str):
            return None
        result += quoted(value)
    rest = text[place:]
    return result + (rest if wildcards else quoted(rest))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == value // 1 and abs(value) < 10**21:
        return str(int(value))
    if isinstance(value, int) and abs(value) >= 10**40:
        return ODD
    return value if value is None else str(value) if isinstance(value, str | int | float) else ODD


def action_matches(statement: Document, action: str) -> bool:
    name = "Action" if "Action" in statement else "NotAction"
    if re.search(r"\s", action) or action.endswith(":") or not action:
        return False
    patterns = [text for text in listed(statement[name]) if text == "*" or is_action(text)]
    found = any(glob(pattern.lower(), action.lower()) for pattern in patterns)
    return found if name == "Action" else not found


def is_action(text: str) -> bool:
    """A service without wildcards, and a name."""
    return bool(re.fullmatch(r"[A-Za-z0-9.-]+:[^:]+", text))


def split_arn(text: str) -> list[str]:
    """Six segments; a colon inside `${…}` does not separate."""
    segments, depth = [""], 0
    for index, sign in enumerate(text):
        depth += sign == "{" and text[index - 1] == "$"
        depth -= sign == "}" and depth > 0
        if sign == ":" and not depth and len(segments) < 6:
            segments.append("")
        else:
            segments[-1] += sign
    return segments


def segment_matches(pattern: str, given: str, context: dict[str, Any]) -> bool | None:
    """Whether a segment is meant; None where a variable has no value. Its beginning comes first."""
    beginning = re.split(r"[*?]|\$\{", pattern)[0]
    if "${" in pattern and not given.startswith(beginning):
        return False
    filled = fill(pattern, context, wildcards=True)
    return None if filled is None else glob(filled, given)


def named(pattern: str, given: list[str], context: dict[str, Any]) -> bool | None:
    """Whether the resource is meant; segments without variables are looked at first."""
    if pattern == "*":
        return True
    parts = split_arn(pattern)
    parts += ["*"] * (6 - len(parts))  # a short ARN of AWS
    pairs = list(zip(parts, given, strict=True))
    for part, text in sorted(pairs, key=lambda pair: "${" in pair[0]):
        found = segment_matches(part, text, context)
        if not found:
            return found
    return True


def resource_matches(statement: Document, resource: str, context: dict[str, Any]) -> bool:
    name = "NotResource" if "NotResource" in statement else "Resource"
    given, patterns = resource.split(":", 5), listed(statement.get(name, "*"))
    if len(given) != 6:
        raise Unreadable
    results, odd = [], False
    for pattern in patterns:
        try:
            if name == "NotResource":  # every variable must have a value, whatever the resource
                values = [fill(part, context, wildcards=True) for part in split_arn(pattern)]
                odd = odd or None in values
            results.append(named(pattern, given, context))
        except Unreadable:
            odd = True
    if True in results:
        return name == "Resource"
    if odd:
        raise Unreadable
    return name == "NotResource"


def principal_matches(
    statement: Document, principals: list[str], *, cross_tenant: bool, by_resource: bool
) -> bool:
    if "Principal" not in statement and "NotPrincipal" not in statement:
        return not by_resource
    name = "Principal" if "Principal" in statement else "NotPrincipal"
    value = statement[name]
    kinds = value if isinstance(value, dict) else {"AWS": value}
    named = [meant(text) for texts in kinds.values() for text in listed(texts)]
    if name == "Principal" and statement["Effect"] == "Allow" and not cross_tenant:
        own = principals[:1]  # an account hands on what it is granted
        named = [text for text in named if not text.endswith(":root") or text in own]
    found = "*" in named or any(meant(principal) in named for principal in principals)
    return found if name == "Principal" else not found


def meant(name: str) -> str:
    """An account means its root; the path of a role is no part of its name."""
    if re.fullmatch(r"\d+", name):
        return f"arn:aws:iam::{name}:root"
    return re.sub(r":role/.*/", ":role/", name)


def number(text: str) -> Fraction:
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", text, re.ASCII):
        raise Unreadable
    if len(text) > 40:
        raise Unreadable
    return Fraction(Decimal(text))


def instant(text: str) -> Fraction:
    if re.match(r"\d{4}-", text):
        if re.search(r"T24|[+-]\d\d:?[6-9]\d\Z", text.upper()):  # some Pythons read it
            raise Unreadable
        try:
            day = "-01" if len(text) == len("2026-11") else ""
            found = datetime.fromisoformat(f"{text}{day}".upper())
        except ValueError:
            raise Unreadable from None
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return Fraction(str(found.timestamp()))
    return number(text)


def truth(text: str) -> bool:
    if text.casefold() not in ("true", "false"):
        raise Unreadable
    return text.casefold() == "true"


def one(family: str, value: str, operand: str, context: dict[str, Any]) -> bool:
    """One value of the request against one of the policy, by a positive operator."""
    if family == "StringLike":
        return bool(segment_matches(operand, value, context))
    if family in ("StringEquals", "StringEqualsIgnoreCase", "Bool"):
        differs = family == "StringEquals" and not value.startswith(operand.partition("${")[0])
        filled = None if differs else fill(operand, context, wildcards=False)
        if filled is None:
            return False
        if family == "Bool":
            return truth(filled.replace("\0", "")) is truth(value)
        folds = family == "StringEqualsIgnoreCase"
        return glob(filled.casefold(), value.casefold()) if folds else glob(filled, value)
    if family.startswith("Numeric") or family.startswith("Date"):
        read = number if family.startswith("Numeric") else instant
        left, right = read(value), read(operand)
        sign = re.sub("^(Numeric|Date)", "", family)
        return {
            "Equals": left == right,
            "LessThan": left < right,
            "LessThanEquals": left <= right,
            "GreaterThan": left > right,
            "GreaterThanEquals": left >= right,
        }[sign]
    if family == "IpAddress":
        try:
            address = ipaddress.ip_address(value.strip())
        except ValueError:
            raise Unreadable from None
        network = ipaddress.ip_network(operand.strip(), strict=False)
        if address.version == 6 and address.ipv4_mapped:
            address = address.ipv4_mapped
        if network.version == 6 and network.network_address.ipv4_mapped:
            mapped = network.network_address.ipv4_mapped
            network = ipaddress.ip_network(
                f"{mapped}/{max(0, network.prefixlen - 96)}", strict=False
            )
        return address in network
    if family == "BinaryEquals":
        try:
            return base64.b64decode(value, validate=True) == base64.b64decode(operand)
        except ValueError:
            raise Unreadable from None
    if family in ("ArnEquals", "ArnLike"):
        parts = [
            segment_matches(*pair, context)
            for pair in zip(split_arn(operand), value.split(":", 5), strict=True)
        ]
        return all(parts)
    raise AssertionError(family)


NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def condition_holds(name: str, key: str, wanted: list[str], context: dict[str, Any]) -> bool:
    value = context.get(key.lower())
    if value is ODD:
        raise Unreadable
    if value == ():
        value = None
    if name == "Null":
        return ("true" if value is None else "false") in [text.lower() for text in wanted]
    prefix, _, base = name.rpartition(":")
    optional = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    negated = base in NEGATED
    family = NEGATED.get(base, base)

    def against(each: str) -> bool:
        if family.startswith("Arn") and not (each.startswith("arn:") and each.count(":") >= 5):
            return False
        if family == "Bool":
            truth(each)
        odd = False
        for text in wanted:
            try:
                if one(family, each, text, context):
                    return not negated
            except Unreadable:
                odd = True
        if odd:
            raise Unreadable
        return negated

    if value is None:
        if optional:
            return True
        return {"ForAllValues": True, "ForAnyValue": False}.get(prefix, negated)
    if not prefix:
        return not isinstance(value, tuple) and against(value)
    values = value if isinstance(value, tuple) else (value,)
    results = [against(each) for each in values]
    return all(results) if prefix == "ForAllValues" else any(results)


def refused(name: str, wanted: list[str]) -> bool:
    """Whether it can mean nothing; documents of Durward with such a condition are not read."""
    base = name.rpartition(":")[2].removesuffix("IfExists")
    family = NEGATED.get(base, base)
    for text in wanted:
        if name == "Null" or family == "Bool":
            variable = re.fullmatch(r"\$\{[^}*?$,]+(, *'(?P<default>[^}]*)')?\}", text)
            said = text if variable is None or name == "Null" else variable["default"]
            if said is not None and said.casefold() not in ("true", "false"):
                return True
            continue
        if re.search(r"\$\{[^}]*\Z", text):
            return True
        if family.startswith("Arn") and not (text.startswith("arn:") and text.count(":") >= 5):
            return True
        try:
            if family == "IpAddress":
                if "/" in text and not text.strip().rpartition("/")[2].isdigit():
                    return True
                ipaddress.ip_network(text.strip(), strict=False)
            elif family == "BinaryEquals":
                base64.b64decode(text, validate=True)
            elif family.startswith("Numeric"):
                number(text)
            elif family.startswith("Date"):
                instant(text)
        except (Unreadable, ValueError):
            return True
    prefix = name.rpartition(":")[0]
    known = ["Null", "Bool", "IpAddress", "BinaryEquals", "ArnEquals", "ArnLike"]
    known += ["StringEquals", "StringEqualsIgnoreCase", "StringLike"]
    signs = ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    known += [f"{kind}{sign}" for kind in ("Numeric", "Date") for sign in signs]
    if family == "Null" and name != "Null":
        return True
    return family not in known or prefix not in ("", "ForAllValues", "ForAnyValue")


def conditions_hold(statement: Document, context: dict[str, Any]) -> bool:
    results = []
    for name, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            texts = [as_text(text) for text in listed(wanted)]
            if refused(name, texts):
                results.append(statement["Effect"] == "Deny")
                continue
            try:
                results.append(condition_holds(name, key, texts, context))
            except Unreadable:
                results.append(statement["Effect"] == "Deny")
    return all(results)


def applies(
    statement: Document,
    principals: list[str],
    action: str,
    resource: str,
    context: dict[str, Any],
    **attached: bool,
) -> bool:
    try:
        is_meant = resource_matches(statement, resource, context)
    except Unreadable:
        is_meant = statement["Effect"] == "Deny"
    return (
        is_meant
        and action_matches(statement, action)
        and principal_matches(statement, principals, **attached)
        and conditions_hold(statement, context)
    )


def decide(
    layers: dict[str, list[list[Document]]],
    principals: list[str],
    action: str,
    resource: str,
    context: dict[str, Any],
    *,
    cross_tenant: bool = False,
    covered: bool = True,
) -> str:
    """`layers`: identity, resource: one list of documents; ceilings: a list for each."""

    def says(documents: list[Document], effect: str) -> bool:
        attached = {
            "cross_tenant": cross_tenant,
            "by_resource": any(documents is level for level in layers.get("resource", [])),
        }
        return any(
            statement["Effect"] == effect
            and applies(statement, principals, action, resource, context, **attached)
            for document in documents
            for statement in listed(document["Statement"])
        )

    everything = [level for levels in layers.values() for level in levels]
    if any(says(level, "Deny") for level in everything):
        return "explicit deny"
    if not covered:
        return "implicit deny"
    if not all(says(level, "Allow") for level in layers.get("ceilings", [])):
        return "implicit deny"
    grants = [
        any(says(level, "Allow") for level in layers.get(name, []))
        for name in ("identity", "resource")
    ]
    granted = all(grants) if cross_tenant else any(grants)
    return "allow" if granted else "implicit deny"
