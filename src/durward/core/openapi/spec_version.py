"""The version of an OpenAPI document: 3.0 and 3.1 are read.

3.2 has operations that 3.1 does not have (`query`, `additionalOperations`), so it is not read as
3.1.
"""

import re
from typing import Final

from durward.core.wire import Json

READ: Final = re.compile(r"3\.[01](?:\.[0-9]{1,3})?(?:-[A-Za-z0-9.]{1,20})?\Z")


def version_problem(document: Json) -> tuple[str, str] | None:
    """The place and the problem of a document whose version is not read."""
    if not isinstance(document, dict):
        return "", "not an OpenAPI document: not an object; begin with `openapi: 3.1.0`"
    if "swagger" in document:
        hint = "convert it to OpenAPI 3 first, by `npx swagger2openapi` or editor.swagger.io"
        return "/swagger", f"Swagger 2.0 is not read; {hint}"
    version = document.get("openapi")
    text = str(version) if isinstance(version, float) else version  # YAML's 3.1 is a number
    if isinstance(text, str) and READ.match(text):
        return None
    if isinstance(text, str) and text.startswith("3."):
        hint = "write 3.1.1 if it has no `query` and no `additionalOperations`"
        return "/openapi", f"3.0 and 3.1 are read, not `{text}`; {hint}"
    return "/openapi", "not an OpenAPI 3 document; write `openapi: 3.1.0`"
