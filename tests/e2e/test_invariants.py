"""A change that breaks a declared test or invariant of policies is not put in force."""

from tests.demo import Demo

SUITE = """
tests:
  orders:
    tests:
      - name: the nightly report reads its tenant's summary
        given: {principal: reporting, scopes: [reports:read]}
        when: {action: orders:GetSummary, resource: "arn:durward:orders:demo:acme:report/summary"}
        expect: {allow: reports/OwnReports}
    never:
      - Sid: Cancel
        Effect: Allow
        Action: orders:CancelOrder
        NotResource: arn:durward:*:*:${durward:TenantId}:*
"""
POLICY = """
policies:
  reports:
    Version: "2012-10-17"
    Statement: {Sid: OwnReports, Effect: %s, Action: "orders:*", Resource: "*"}
"""
SUMMARY = "/v1/acme/reports/summary"


def test_a_policy_that_breaks_a_promise_is_not_put_in_force(demo: Demo) -> None:
    assert demo.apply(SUITE).returncode == 0
    refused = demo.apply(POLICY % "Deny")
    assert refused.returncode == 2
    assert "the nightly report reads its tenant's summary: expected allow" in refused.stderr
    assert "hint: `./durward policy test`" in refused.stderr
    token = demo.token(resource=demo.apis).json()["access_token"]
    assert demo.get(SUMMARY, token).status_code == 200
    assert demo.apply(POLICY % "Allow").returncode == 0
    assert (
        demo.apply(SUITE.replace("{Sid: Cancel", "{Sid: Cancel2").replace("NotR", "R")).returncode
        == 2
    )
    assert demo.get(SUMMARY, token).status_code == 200


def test_a_suite_that_cannot_be_read_is_refused(demo: Demo) -> None:
    refused = demo.apply("tests: {more: {tests: [{name: x}]}}")
    assert refused.returncode == 2
    assert "/tests/0/when" in refused.stderr
    assert "more" not in demo.run("export").stdout
