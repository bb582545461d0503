"""Every kind of credential against every path of the gateway, and everything of everybody else's."""

import base64
import http.client
import itertools
import json
import urllib.parse

import pytest
from gateway_world import AGREEMENTS, HANDLE, LASTING, MEMBERS
from http_serving import serving

OPEN = {("GET", "/v1/health")}
READING = {("POST", "/subjects/{subject}")} | {
    ("POST", f"/compatibility/subjects/{{subject}}/versions{end}") for end in ("", "/{version}")
}
SCHEMA = {"schema": json.dumps({"type": "record", "name": "New", "fields": []})}


class Line:
    """One connection that stays open."""

    def __init__(self, url):
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)

    def ask(self, method, path, authorization, body=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        data = json.dumps(body).encode() if body is not None else None
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers

    def close(self):
        self._connection.close()


def bearer(token):
    return f"Bearer {token}"


def basic(token):
    return "Basic " + base64.b64encode(f"whoever:{token}".encode()).decode()


def requests_of(world, routes):
    """Every route with every agreement, subject and id put in: (method, template, path, what was put in, body)."""
    subjects, ids = [*world.ids, "nobodys-value"], [*world.ids.values(), 999]
    for route in routes:
        (method,) = route.methods - {"HEAD"}
        names = {"agreement": [*AGREEMENTS, "nobodys"], "subject": subjects, "id": ids, "version": [1]}
        wanted = list(route.param_convertors)
        for values in itertools.product(*(names[one] for one in wanted)):
            put = dict(zip(wanted, values, strict=True))
            path = route.path.replace(":int", "").format(**put)
            body = {"handles": [HANDLE]} if "agreement" in put else SCHEMA
            yield method, route.path.replace(":int", ""), path, put, body if method in {"POST", "PUT"} else None


def expected(world, member, method, template, put):
    """What a member with a token of its own gets: a status, the registry's code, and the reason that is counted."""
    if (method, template) in OPEN:
        return 200, None, None
    if "agreement" in put:
        mine = put["agreement"] in LASTING and LASTING[put["agreement"]][1] == member
        return (200, None, None) if mine else (403, None, ("keys", member, "authorization"))
    own = world.own[member]
    if "subject" in put and put["subject"] not in own:
        return 404, 40401, ("registry", member, "authorization")
    if "id" in put and put["id"] not in {world.ids[one] for one in own if one in world.ids}:
        return 404, 40403, ("registry", member, "authorization")
    if method == "GET" or (method, template) in READING:
        return "own", None, None
    return 403, 40301, ("registry", member, "scope")


def holes(world, routes, line, member, authorization):
    """Ask for everything as a member; return what was answered or counted otherwise than it must be."""
    found = []
    for method, template, path, put, body in requests_of(world, routes):
        status, code, counted = expected(world, member, method, template, put)
        world.heard.taken()
        said, answer, _ = line.ask(method, path, authorization, body)
        error = answer.get("error_code") if isinstance(answer, dict) else None
        fits = said == 200 or error in {40403, 40408, 40409} if status == "own" else (said, error) == (status, code)
        if not fits or world.heard.taken() != ([counted] if counted else []):
            found.append((method, path, said, error))
    return found


@pytest.fixture(scope="module")
def line(world):
    with serving(world.guarded()) as url:
        made = Line(url)
        yield made
        made.close()


@pytest.mark.parametrize("dressed", [bearer, basic])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_gets_its_own_and_nothing_else(world, line, member, dressed):
    token = world.tokens.issue(member)
    before = {subject: world.registry.state.versions(subject) for subject in world.ids}
    assert holes(world, world.guarded(), line, member, dressed(token)) == []
    assert {subject: world.registry.state.versions(subject) for subject in world.ids} == before


def test_the_judge_sees_a_registry_without_a_door(world):
    token = world.tokens.issue("se")
    routes = [one for one in world.unguarded() if one.methods == {"GET", "HEAD"}]
    with serving(routes) as url:
        line = Line(url)
        found = {path for _, path, *_ in holes(world, routes, line, "se", bearer(token))}
        line.close()
    assert "/subjects/view.ee-fi-value/versions" in found
    assert f"/schemas/ids/{world.ids['fi.tax.v1-value']}" in found


def test_what_is_listed_is_ones_own(world, line):
    for member in MEMBERS:
        status, listed, _ = line.ask("GET", "/subjects", bearer(world.tokens.issue(member)))
        assert (status, listed) == (200, sorted(world.own[member] & world.ids.keys()))
    assert world.own["fi"] == {"view.ee-fi-value", "fi.tax.v0-value", "fi.tax.v1-value"}
    assert {"ee.income.v1-value", "ee.income.v2-value", "view.fi-ee-value"} < world.own["ee"]


def test_a_foreign_schema_is_as_unknown_as_one_that_is_not_there(world, line):
    token = bearer(world.tokens.issue("se"))
    foreign, unknown = world.ids["view.ee-fi-value"], 987
    for path in ("/schemas/ids/{}", "/schemas/ids/{}/schema", "/schemas/ids/{}/subjects", "/schemas/ids/{}/versions"):
        said = []
        for schema_id in (foreign, unknown):
            before = world.registry.reads_to_end
            status, body, _ = line.ask("GET", path.format(schema_id), token)
            said.append((status, json.dumps(body).replace(str(schema_id), "I"), world.registry.reads_to_end - before))
        assert said[0] == said[1]
        assert said[0][2] == 1
    said = [
        json.dumps(line.ask("GET", f"/subjects/{subject}/versions", token)[1]).replace(subject, "S")
        for subject in ("view.ee-fi-value", "nobodys-value")
    ]
    assert said[0] == said[1]
    status, body, _ = line.ask("GET", f"/schemas/ids/{world.ids['view.ee-se-value']}?fetchMaxId=true", token)
    assert (status, body["maxId"]) == (200, max(world.ids[one] for one in world.own["se"] if one in world.ids))


def wrong_ones(world):
    """Credentials that open nothing: (header, who is counted, why, the status)."""
    good = world.tokens.issue("fi")
    return {
        "none": ("", None, "authentication", 401),
        "malformed": ("Bearer pst_nonsense", None, "authentication", 401),
        "cut short": (bearer(good[:-1]), None, "authentication", 401),
        "another scheme": (f"Digest {good}", None, "authentication", 401),
        "basic that is none": (f"Basic {good}", None, "authentication", 401),
        "token as the user": (
            "Basic " + base64.b64encode(f"{good}:".encode()).decode(),
            None,
            "authentication",
            401,
        ),
        "an id": (bearer(world.tokens.issued()[0].id), None, "authentication", 401),
        "no text": ("Bearer \xff\xfe", None, "authentication", 401),
        "expired": (bearer(world.expired("fi")), "fi", "expired", 401),
        "revoked": (bearer(world.revoked("fi")), "fi", "revoked", 401),
        "for another door": (bearer(world.tokens.issue("fi", scope="publish")), "fi", "scope", 403),
        "no member's any more": (bearer(world.revoked("gone")), None, "revoked", 401),
        "a pass that is over": (bearer(over(world)), None, "authentication", 401),
        "a made-up pass": (f"Bearer psi_{world.now_ms // 1000 + 60}_{'0' * 48}", None, "authentication", 401),
    }


def over(world):
    made, now = world.passes.make(), world.now_ms
    assert world.passes.fits(made)
    old = type(world.passes)(lambda: b"s" * 32, lambda: now - 3_600_000).make()
    assert not world.passes.fits(old)
    return old


def test_whoever_has_no_good_credential_gets_nowhere_and_is_counted(world, line):
    routes = world.guarded()
    for name, (header, who, why, status) in wrong_ones(world).items():
        for method, template, path, put, body in requests_of(world, routes):
            if (method, template) in OPEN or put.get("subject") == "somebody.elses.v1-value":
                continue
            world.heard.taken()
            said, answer, headers = line.ask(method, path, header, body)
            assert said == status, (name, method, path, answer)
            assert answer.keys() in ({"error"}, {"error_code", "message"})
            assert ("www-authenticate" in headers) == (status == 401)
            door = "keys" if "agreement" in put else "registry"
            assert world.heard.taken() == [(door, who, why)], (name, method, path)


def test_a_pass_of_our_own_opens_the_registry_and_no_keys(world, line):
    opens = bearer(world.passes.make())
    assert line.ask("GET", "/subjects", opens)[1] == sorted(world.ids)
    status, answer, _ = line.ask("POST", "/subjects/by-a-role-value/versions", opens, SCHEMA)
    assert status == 200
    assert answer["id"] > max(world.ids.values())
    world.heard.taken()
    assert line.ask("GET", "/v1/agreements/ee-fi", opens)[0] == 401
    assert world.heard.taken() == [("keys", None, "authentication")]
    assert line.ask("DELETE", "/subjects/by-a-role-value", opens)[0] == 200
    assert line.ask("DELETE", "/subjects/by-a-role-value?permanent=true", opens)[0] == 200


def test_a_token_for_the_registry_writes_there_and_opens_no_keys(world, line):
    token = bearer(world.tokens.issue("fi", scope="registry"))
    assert line.ask("GET", "/subjects", token)[1] == sorted(world.ids)
    assert line.ask("PUT", "/config/view.ee-fi-value", token, {"compatibility": "NONE"})[0] == 200
    assert line.ask("DELETE", "/config/view.ee-fi-value", token)[0] == 200
    world.heard.taken()
    assert line.ask("GET", "/v1/agreements/ee-fi", token)[0] == 403
    assert world.heard.taken() == [("keys", "fi", "scope")]


def test_an_agreement_that_stops_stops_here_at_once(world, line):
    token, before = bearer(world.tokens.issue("fi")), world.generation
    path = f"/schemas/ids/{world.ids['view.ee-fi-value']}"
    assert (line.ask("GET", path, token)[0], line.ask("GET", "/v1/agreements/ee-fi", token)[0]) == (200, 200)
    held = before.agreements["ee-fi"].with_status("suspended")
    world.generation = type(before)(
        before.number + 1,
        before.at_ms,
        before.ecosystem,
        before.charter,
        before.contracts,
        {**before.agreements, "ee-fi": held},
    )
    try:
        assert (line.ask("GET", path, token)[0], line.ask("GET", "/v1/agreements/ee-fi", token)[0]) == (404, 403)
    finally:
        world.generation = before


def test_nothing_opens_before_the_first_generation(world, line):
    token, before = bearer(world.tokens.issue("fi")), world.generation
    world.generation = None
    try:
        world.heard.taken()
        assert line.ask("GET", "/subjects", token)[1] == []
        assert line.ask("GET", "/v1/agreements/ee-fi", token)[0] == 403
        assert world.heard.taken() == [("keys", None, "authorization")]
    finally:
        world.generation = before
