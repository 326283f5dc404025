"""Lists filtered in the database: a policy as a condition of WHERE, for SQLite and PostgreSQL.

    orders = Rows("orders", "order/{id}", tenant=table.c.tenant, columns={"id": table.c.id},
                  keys={"durward:ResourceOwner": table.c.owner})
    select(table).where(where(policies, orders, principal, "orders:GetOrder"))

The rows are those for which `policies.evaluate(orders.request(…, row))` says yes. What cannot be
said in SQL with exactly this meaning is `Untranslatable`; nothing is left to be filtered after.
"""

from durward.sdk.sqlalchemy.printer import where
from durward.sdk.sqlalchemy.rows import Rows, Several
from durward.sdk.sqlalchemy.untranslatable import Untranslatable

__all__ = ["Rows", "Several", "Untranslatable", "where"]
