"""Requests at the console: the queue, one with its form, and that nothing can be closed the wrong way."""

import re
from datetime import timedelta
from html import unescape
from itertools import count
from urllib.parse import urlsplit

import pytest

from domain import duties, requests, roles, trail
from domain.commands import KeepDraft, OrderCallBack, PlaceOrder, RegisterRequest
from domain.decrees import DEFAULTS
from domain.desk import AssignRequest, FinishOrder, NoteRequest, RefusalGround, SendInterim
from domain.escalation import escalate
from domain.handlers import perform
from domain.model import OrderKind, ReplyBy, RequestKind, RequestState, Told, Topic
from domain.policy import DeadlinePolicy
from domain.request_life import Act
from domain.roles import Permission, Role
from ivr.console.web.sources import remarks_in, rule_in
from ivr.console.web.words import LANGUAGES, Tongue

ACCOUNT = "1000000018"
PHONE = "+380440000001"
DAY = timedelta(days=1)
T = Tongue("uk")

CONSIDERED = {
    "act": "considered", "justified": "yes", "reasons": "напруга була нижча за норму", "rights": "перерахунок",
    "measures": "замінити трансформатор", "planned_on": "2026-12-20", "reply": "Шановний споживачу! Перевірили.",
    "replied_by": "phone", "replied_at": "2026-11-30T11:00", "confirmed": "yes",
}  # fmt: skip


@pytest.fixture
def do(world):
    """A command of a caller or of somebody of the staff, at the world's time."""
    seq = count(1)
    world.call(id="c1", caller=PHONE, at=world.now - timedelta(hours=1), seconds=120)

    def done(command, *, by=None, call="c1", at=None):
        line = (call, next(seq)) if by is None and call else (None, None)
        return world.write(
            lambda conn: perform(conn, command, call=line[0], seq=line[1], at=at or world.now, by=by or "caller")
        )

    return done


@pytest.fixture
def complaint(do):
    return do(
        RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, PHONE, ACCOUNT, "Довго чекав.")
    ).number


@pytest.fixture
def assigned(do, complaint):
    do(AssignRequest(complaint, "Supervisor", "+380440000100", "supervisor"), by="supervisor")
    return complaint


def one(world, number):
    return world.read(lambda conn: requests.one(conn, number))


def version(world, number):
    return str(one(world, number).version)


def noted(world):
    return [(row.what, row.of) for row in world.read(lambda conn: trail.page(conn, size=500))]


def field_errors(page):
    """Words beside fields, by the id of the field."""
    return dict(re.findall(r'class="error" id="([a-z_]+)-error">([^<]+)<', page))


# The queue


def test_the_queue_stands_in_the_order_of_what_is_due_with_what_it_may_cost(world, do):
    slow = do(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, PHONE, ACCOUNT)).number
    quick = do(RegisterRequest(RequestKind.QUESTION, Topic.BILLING, ReplyBy.POST)).number
    page = world.sign_in(Role.SUPERVISOR).get("/requests").text
    assert page.index(quick) < page.index(slow)
    assert "200,00\u00a0₴" in page


def test_what_is_shown_is_in_the_address(world, do, complaint):
    other = do(RegisterRequest(RequestKind.QUESTION, Topic.BILLING, ReplyBy.POST)).number
    client = world.sign_in(Role.SUPERVISOR)
    shown = client.get("/requests?pile=open&kind=question&topic=billing").text
    assert other in shown and complaint not in shown
    assert "pile=mine&amp;kind=question&amp;topic=billing" in shown
    assert client.get("/requests?pile=nonsense").status_code == 422
    assert complaint in client.get("/requests?kind=nonsense&topic=<script>&after=x_y").text


def test_mine_is_what_was_assigned_to_my_login(world, do, assigned):
    other = do(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, PHONE, ACCOUNT)).number
    page = world.sign_in(Role.SUPERVISOR).get("/requests?pile=mine").text
    assert assigned in page and other not in page
    assert assigned not in world.sign_in(Role.AGENT).get("/requests?pile=mine").text


def test_pages_of_the_queue_lead_through_all_of_it(world, do):
    all_of_them = {do(RegisterRequest(RequestKind.QUESTION, Topic.SERVICE, ReplyBy.POST)).number for _ in range(120)}
    client, address, seen = world.sign_in(Role.SUPERVISOR), "/requests", []
    while address:
        page = client.get(address).text
        seen += re.findall(r'href="/requests/(\d{8})"', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        address = unescape(found[1]) if found else None
    assert len(seen) == 120 and set(seen) == all_of_them


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pile", ["open", "mine", "unassigned", "overdue", "soon", "drafts", "closed"])
def test_every_pile_speaks_every_language(world, complaint, language, pile):
    page = world.sign_in(Role.SUPERVISOR, language=language).get(f"/requests?pile={pile}")
    assert page.status_code == 200
    assert Tongue(language)(f"requests.pile_{pile}") in page.text
    assert "requests." not in re.sub(r"<[^>]*>", "", page.text)


# One


def test_a_request_shows_its_customer_its_history_and_its_form(world, complaint):
    page = world.sign_in(Role.SUPERVISOR).get(f"/requests/{complaint}").text
    assert "Довго чекав." in page and ACCOUNT in page
    assert f'href="/accounts/{ACCOUNT}"' in page
    assert 'action="/requests/' + complaint + '/work"' in page
    assert 'name="version"' in page


def test_what_was_not_told_in_a_call_has_no_empty_place_for_it(world, do, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    assert 'id="told-title"' in client.get(f"/requests/{complaint}").text
    wrote = RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, PHONE, ACCOUNT, "Довго чекав.")
    page = client.get(f"/requests/{do(wrote, by='agent', call=None).number}").text
    assert 'id="told-title"' not in page and '<blockquote class="said">' in page


def test_who_may_not_see_personal_data_sees_none_of_it(world, complaint, monkeypatch):
    monkeypatch.setitem(roles.TABLE, Role.QUALITY, frozenset({Permission.REQUESTS, Permission.ACCOUNTS}))
    client = world.sign_in(Role.QUALITY)
    for page in (client.get(f"/requests/{complaint}").text, client.get("/requests").text):
        for secret in (ACCOUNT, PHONE, "044", "Довго чекав", "Показова"):
            assert secret not in page
    assert client.get(f"/requests/{complaint}/account").status_code == 404


@pytest.mark.parametrize("path", ["/requests/00000000", "/requests/12345678/letter"])
def test_what_is_not_there_is_not_found(world, path):
    assert world.sign_in(Role.SUPERVISOR).get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/requests/1", "/requests/..%2f..", "/requests/abcdefgh", "/requests/１２３４５６７８"]
)
def test_a_number_that_is_none_is_not_looked_for(world, path):
    assert world.sign_in(Role.SUPERVISOR).get(path).status_code in (404, 422)


def test_what_a_customer_wrote_is_text_and_no_page(world, do):
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    number = do(RegisterRequest(RequestKind.COMPLAINT, Topic.OTHER, ReplyBy.POST, evil, ACCOUNT, evil)).number
    do(NoteRequest(number, evil), by=evil)
    page = world.sign_in(Role.SUPERVISOR).get(f"/requests/{number}").text
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


# Deeds


def test_a_request_is_assigned_to_a_login_and_the_trail_knows(world, complaint):
    world.person(Role.AGENT, name="Оксана Бондар")
    client = world.sign_in(Role.SUPERVISOR)
    form = {"act": "assigned", "version": version(world, complaint), "to": "agent", "phone": "044 000 01 00"}
    answer = client.post(f"/requests/{complaint}/work", form)
    assert answer.status_code == 200 and T("requests.done_assigned") in answer.text
    found = one(world, complaint)
    assert (found.responsible, found.assigned_to, found.responsible_phone) == (
        "Оксана Бондар",
        "agent",
        "+380440000100",
    )
    assert found.history[-1].by == "supervisor"
    assert ("request.assigned", complaint) in noted(world)


def test_nobody_is_given_a_request_who_can_do_nothing_about_it(world, complaint):
    world.person(Role.QUALITY)
    client = world.sign_in(Role.SUPERVISOR)
    form = {"act": "assigned", "version": version(world, complaint), "to": "quality", "phone": "+380440000100"}
    answer = client.post(f"/requests/{complaint}/work", form)
    assert answer.status_code == 422 and field_errors(answer.text) == {"to": T("requests.error_nobody")}


def test_a_request_is_considered_with_its_three_elements(world, assigned):
    client = world.sign_in(Role.SUPERVISOR)
    answer = client.post(f"/requests/{assigned}/close", {**CONSIDERED, "version": version(world, assigned)})
    assert T("requests.done_considered") in answer.text
    found = one(world, assigned)
    assert (found.state, found.justified, found.measures) == ("considered", True, "замінити трансформатор")
    assert found.reply == CONSIDERED["reply"] and found.replied_at == world.now
    assert ("request.considered", assigned) in noted(world)


@pytest.mark.parametrize(
    "left_out", ["justified", "reasons", "rights", "measures", "planned_on", "reply", "replied_by", "replied_at"]
)
def test_what_is_missing_is_said_beside_its_field_and_nothing_is_closed(world, assigned, left_out):
    client = world.sign_in(Role.SUPERVISOR)
    form = {**CONSIDERED, "version": version(world, assigned), left_out: "  "}
    answer = client.post(f"/requests/{assigned}/close", form)
    assert answer.status_code == 422
    assert field_errors(answer.text) == {left_out: T("requests.error_missing")}
    assert one(world, assigned).state is RequestState.ASSIGNED
    for name in {"reasons", "measures", "reply"} - {left_out}:
        assert CONSIDERED[name] in unescape(answer.text)
    assert ("request.considered", assigned) not in noted(world)


def test_an_unjustified_complaint_needs_no_measures(world, assigned):
    client = world.sign_in(Role.SUPERVISOR)
    form = {
        **CONSIDERED,
        "version": version(world, assigned),
        "justified": "no",
        "rights": "",
        "measures": "",
        "planned_on": "",
    }
    client.post(f"/requests/{assigned}/close", form)
    assert (one(world, assigned).state, one(world, assigned).justified) == ("considered", False)


@pytest.mark.parametrize(
    ("changed", "field", "word"),
    [
        ({"planned_on": "2026-11-01"}, "planned_on", "before_request"),
        ({"planned_on": "колись"}, "planned_on", "not_a_day"),
        ({"replied_at": "2027-01-01T10:00"}, "replied_at", "not_then"),
        ({"replied_at": "2020-01-01T10:00"}, "replied_at", "not_then"),
        ({"replied_at": "завтра"}, "replied_at", "not_a_time"),
        ({"replied_by": "post"}, "because", "other_channel"),
        ({"reply": "Шановний споживачу! […]"}, "reply", "gap"),
        ({"reply": "x" * 20_001}, "reply", "too_long"),
    ],
)
def test_what_the_rules_forbid_is_said_beside_its_field(world, assigned, changed, field, word):
    client = world.sign_in(Role.SUPERVISOR)
    form = {**CONSIDERED, "version": version(world, assigned), **changed}
    answer = client.post(f"/requests/{assigned}/close", form)
    assert answer.status_code == 422
    assert field_errors(answer.text)[field] == T(f"requests.error_{word}")
    assert one(world, assigned).state is RequestState.ASSIGNED


REFUSED = {
    "act": "refused", "ground": "threats", "text": "Ваше звернення залишено без розгляду.", "notified_by": "phone",
    "notified_at": "2026-11-30T11:00", "confirmed": "yes",
}  # fmt: skip


@pytest.mark.parametrize("left_out", ["ground", "text", "notified_by", "notified_at"])
def test_a_refusal_needs_a_ground_and_a_notification_and_its_text(world, complaint, left_out):
    client = world.sign_in(Role.SUPERVISOR)
    form = {**REFUSED, "version": version(world, complaint), left_out: " "}
    answer = client.post(f"/requests/{complaint}/close", form)
    assert answer.status_code == 422 and field_errors(answer.text) == {left_out: T("requests.error_missing")}
    assert one(world, complaint).state is RequestState.REGISTERED


def test_a_refusal_with_a_gap_in_its_notice_is_not_taken(world, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    form = {**REFUSED, "version": version(world, complaint), "text": "оскільки […]"}
    answer = client.post(f"/requests/{complaint}/close", form)
    assert field_errors(answer.text) == {"text": T("requests.error_gap")}
    assert one(world, complaint).state is RequestState.REGISTERED


def test_a_refusal_keeps_its_notice(world, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    client.post(f"/requests/{complaint}/close", {**REFUSED, "version": version(world, complaint)})
    found = one(world, complaint)
    assert (found.state, found.notified_at) == (RequestState.REFUSED, world.now)
    assert REFUSED["text"] in unescape(client.get(f"/requests/{complaint}/letter").text)


def test_who_can_be_replied_to_is_not_refused_for_want_of_an_address(world, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    assert 'value="no_contact"' not in client.get(f"/requests/{complaint}?act=refused").text
    form = {"act": "refused", "version": version(world, complaint), "ground": "no_contact", "confirmed": "yes"}
    answer = client.post(f"/requests/{complaint}/close", form)
    assert answer.status_code == 422
    assert field_errors(unescape(answer.text)) == {"ground": T("requests.error_has_contact")}
    assert one(world, complaint).state is RequestState.REGISTERED


def test_nobody_who_can_be_replied_to_nowhere_has_to_be_notified(world, do):
    number = do(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.POST)).number
    client = world.sign_in(Role.SUPERVISOR)
    assert 'value="no_contact"' in client.get(f"/requests/{number}?act=refused").text
    form = {**REFUSED, "version": version(world, number), "ground": "no_contact", "text": "[…]"}
    client.post(f"/requests/{number}/close", form)
    found = one(world, number)
    assert (found.state, found.ground, found.notified_at) == ("refused", RefusalGround.NO_CONTACT, None)


def hidden_fields(page, before):
    """The hidden fields of the form in which this stands, but for the token that the client adds itself."""
    form = page[: page.index(before)].rpartition("<form")[2]
    fields = dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', form))
    fields.pop("csrf", None)
    assert fields["version"]
    return fields


def details(world, number, act):
    rows = world.read(lambda conn: trail.page(conn, what=f"request.{act}", of=number))
    return dict(rows[0].details)


@pytest.mark.parametrize("form", [CONSIDERED, REFUSED], ids=lambda each: each["act"])
def test_nothing_is_closed_before_somebody_saw_what_it_will_be_closed_with(world, assigned, form):
    client, seen = world.sign_in(Role.SUPERVISOR), version(world, assigned)
    asked = client.post(f"/requests/{assigned}/close", {**form, "version": seen, "confirmed": ""})
    page = unescape(asked.text)
    assert T(f"requests.confirm_{form['act']}", number=assigned) in page
    assert form.get("reply", form.get("text")) in page
    assert (one(world, assigned).state, version(world, assigned)) == (RequestState.ASSIGNED, seen)
    assert (f"request.{form['act']}", assigned) not in noted(world)
    kept = hidden_fields(page, 'id="confirm-title"')
    back = client.post(f"/requests/{assigned}/close", {**kept, "confirmed": "no"})
    assert form.get("reply", form.get("text")) in unescape(back.text) and "<textarea" in back.text
    assert one(world, assigned).state is RequestState.ASSIGNED
    client.post(f"/requests/{assigned}/close", {**kept, "confirmed": "yes"})
    assert one(world, assigned).state == form["act"]


def test_what_can_not_be_closed_like_this_is_said_before_anybody_is_asked(world, assigned):
    form = {**CONSIDERED, "version": version(world, assigned), "replied_by": "post", "confirmed": ""}
    answer = world.sign_in(Role.SUPERVISOR).post(f"/requests/{assigned}/close", form)
    assert answer.status_code == 422 and field_errors(answer.text).keys() == {"because"}


def test_no_key_closes_a_request(world, assigned):
    client = world.sign_in(Role.SUPERVISOR)
    for act in ("considered", "refused"):
        assert 'data-key="s s"' not in client.get(f"/requests/{assigned}?act={act}").text
        form = {**(CONSIDERED if act == "considered" else REFUSED), "version": version(world, assigned)}
        asked = client.post(f"/requests/{assigned}/close", {**form, "confirmed": ""}).text
        assert "data-key" not in asked[asked.index('id="confirm-title"') : asked.index('value="no"')]


def test_the_trail_knows_how_and_to_whom_a_request_was_closed(world, do, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    form = {"act": "assigned", "to": "supervisor", "phone": "+380440000100"}
    client.post(f"/requests/{complaint}/work", {**form, "version": version(world, complaint)})
    assert details(world, complaint, "assigned") == {"responsible": "Supervisor", "to": "supervisor"}
    client.post(f"/requests/{complaint}/close", {**CONSIDERED, "version": version(world, complaint)})
    told = details(world, complaint, "considered")
    assert (told["conclusion"], told["by"], told["responsible"]) == ("justified", "phone", "Supervisor")
    assert told["contact"].endswith("01") and PHONE not in str(told) and ACCOUNT not in str(told)
    other = do(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.EMAIL, "ivan@example.org")).number
    client.post(f"/requests/{other}/close", {**REFUSED, "version": version(world, other), "notified_by": "email"})
    told = details(world, other, "refused")
    assert (told["ground"], told["by"], told["contact"]) == ("threats", "email", "i***@example.org")
    page = unescape(world.sign_in(Role.AUDITOR).get("/trail?what=request.refused").text)
    assert T("requests.ground_threats") in page and T("trail.detail_ground") in page


def test_a_letter_goes_to_the_address_and_not_to_a_telephone_number(world, do):
    number = do(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.POST, PHONE, ACCOUNT)).number
    page = world.sign_in(Role.SUPERVISOR).get(f"/requests/{number}").text
    where = re.search(rf"<dt>{T('requests.reply_by')}</dt><dd>(.*?)</dd>", page, re.S)[1]
    post, phone = where.split("<br>")
    assert "Показова" in post and "+380" not in post and "000" in phone and T("requests.phone_too") in unescape(phone)


def test_what_has_to_come_first_is_said_and_who_looks_takes_it_in_one_press(world, do, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    page = client.get(f"/requests/{complaint}").text
    assert T("requests.first_registered") in page and T("requests.assign_me") not in page
    known = do(RegisterRequest(RequestKind.QUESTION, Topic.SERVICE, ReplyBy.POST)).number
    do(AssignRequest(known, "Supervisor", "+380440000100", "supervisor"), by="supervisor")
    page = client.get(f"/requests/{complaint}").text
    fields = hidden_fields(page, T("requests.assign_me"))
    client.post(f"/requests/{complaint}/work", fields)
    assert (one(world, complaint).assigned_to, one(world, complaint).state) == ("supervisor", "assigned")
    assert T("requests.first_registered") not in client.get(f"/requests/{complaint}").text


def test_what_is_closed_shows_no_money_at_stake_and_nobody_missing(world, complaint):
    client = world.sign_in(Role.SUPERVISOR)
    shown = client.get(f"/requests/{complaint}").text
    assert T("requests.at_stake") in shown and T("requests.nobody") in shown
    client.post(f"/requests/{complaint}/close", {**REFUSED, "version": version(world, complaint)})
    page = client.get(f"/requests/{complaint}").text
    assert T("requests.at_stake") not in page and T("requests.nobody") not in page


@pytest.mark.parametrize("act", ["considered", "refused"])
def test_when_the_customer_was_told_is_for_people_to_say(world, assigned, act):
    page = world.sign_in(Role.SUPERVISOR).get(f"/requests/{assigned}?act={act}").text
    assert re.search(r'type="datetime-local" value=""', page)


def test_an_interim_reply_extends_the_term_once(world, assigned):
    client = world.sign_in(Role.AGENT)
    before = one(world, assigned).due
    form = {"act": "interim", "text": "Перевіряємо.", "by": "phone"}
    client.post(f"/requests/{assigned}/work", {**form, "version": version(world, assigned)})
    found = one(world, assigned)
    assert found.state is RequestState.INTERIM and found.due > before
    answer = client.post(
        f"/requests/{assigned}/work", {**form, "text": "Ще раз", "version": version(world, assigned)}
    )
    assert answer.status_code == 422 and T("requests.error_not_possible") in answer.text


def test_an_interim_reply_that_comes_too_late_says_so(world, assigned):
    world.passes(days=60)
    client = world.sign_in(Role.SUPERVISOR)
    form = {"act": "interim", "text": "Перевіряємо.", "by": "phone", "version": version(world, assigned)}
    answer = client.post(f"/requests/{assigned}/work", form)
    assert answer.status_code == 422 and T("requests.error_late") in answer.text


def test_a_draft_is_completed(world, do):
    told = Told(world.now - timedelta(hours=1), world.now - timedelta(minutes=59))
    number = do(KeepDraft(RequestKind.COMPLAINT, Topic.OTHER, told, PHONE)).number
    client = world.sign_in(Role.AGENT)
    assert T("requests.complete_help") in unescape(client.get(f"/requests/{number}").text)
    form = {
        "act": "completed",
        "version": version(world, number),
        "reply_by": "email",
        "contact": "no mailbox",
        "account": "1",
    }
    answer = client.post(f"/requests/{number}/work", form)
    assert field_errors(answer.text).keys() == {"contact", "account"}
    form |= {"contact": "ivan@example.org", "account": ACCOUNT, "topic": "quality"}
    client.post(f"/requests/{number}/work", form)
    found = one(world, number)
    assert (found.state, found.contact, found.topic, found.account) == (
        "registered",
        "ivan@example.org",
        "quality",
        ACCOUNT,
    )
    assert world.read(lambda conn: duties.callbacks_waiting(conn, world.now)) == []


def test_it_may_need_an_examination(world, complaint):
    client = world.sign_in(Role.AGENT)
    before = one(world, complaint).due
    client.post(
        f"/requests/{complaint}/work",
        {"act": "examined", "case": "meter_examined", "version": version(world, complaint)},
    )
    assert one(world, complaint).due > before


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_of_a_deadline_is_told_in_the_readers_language_with_its_source(world, complaint, language):
    tongue = Tongue(language)
    for source in {row.source for row in DEFAULTS.rows if isinstance(row.terms, DeadlinePolicy)}:
        told = rule_in(tongue, source)
        assert told and not told.startswith("requests.") and (language == "en" or not re.search("[a-z]{4}", told))
    assert rule_in(tongue, "the operator's own rule") is None
    page = unescape(world.sign_in(Role.SUPERVISOR, language=language).get(f"/requests/{complaint}").text)
    source = one(world, complaint).rule
    assert rule_in(tongue, source) in page and source in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_remark_on_a_transcript_is_told_in_the_readers_language(language):
    tongue = Tongue(language)
    told = remarks_in(
        tongue,
        "the model knows 348 words only: whatever else was said is missing or made into these; "
        "3 stretches in which it repeated itself or heard nobody were left out; "
        "only the first 600 s were written down; something new",
    )
    assert [known for _, known in told] == [True, True, True, False]
    for (text, _), part in zip(told, ("348", "3", "600", "something new"), strict=True):
        assert part in text
        assert language == "en" or part == "something new" or not re.search("[a-z]{4}", text)


# Two at once, and twice


def test_who_was_slower_is_told_what_happened_and_loses_nothing(world, do, assigned):
    slow, seen = world.sign_in(Role.SUPERVISOR), version(world, assigned)
    do(NoteRequest(assigned, "абонент просить почекати"), by="agent")
    answer = slow.post(f"/requests/{assigned}/close", {**CONSIDERED, "version": seen})
    page = unescape(answer.text)
    assert answer.status_code == 409
    assert T("requests.changed") in page and "абонент просить почекати" in page
    assert CONSIDERED["reply"] in page and CONSIDERED["measures"] in page
    assert one(world, assigned).state is RequestState.ASSIGNED
    again = re.search(r'name="version" value="(\d+)"', page)[1]
    assert again == version(world, assigned)
    slow.post(f"/requests/{assigned}/close", {**CONSIDERED, "version": again})
    assert one(world, assigned).state is RequestState.CONSIDERED


def test_who_comes_when_it_is_closed_already_is_told_and_changes_nothing(world, assigned):
    first, second = world.sign_in(Role.SUPERVISOR), world.sign_in(Role.SUPERVISOR, login="other")
    seen = version(world, assigned)
    first.post(f"/requests/{assigned}/close", {**CONSIDERED, "version": seen})
    answer = second.post(f"/requests/{assigned}/close", {**CONSIDERED, "version": seen, "reply": "Інше."})
    assert answer.status_code in (409, 422) and T("requests.error_not_possible") in unescape(answer.text)
    assert one(world, assigned).reply == CONSIDERED["reply"]


@pytest.mark.parametrize(
    ("where", "form"),
    [
        ("work", {"act": "noted", "text": "дзвонила абонентка"}),
        ("work", {"act": "interim", "text": "Перевіряємо.", "by": "phone"}),
        ("work", {"act": "assigned", "to": "", "responsible": "Петро", "phone": "+380440000100"}),
        ("work", {"act": "examined", "case": "meter_examined"}),
        ("close", CONSIDERED),
        ("close", REFUSED),
    ],
    ids=lambda each: each if isinstance(each, str) else each["act"],
)
def test_a_form_that_is_sent_twice_is_done_once(world, assigned, where, form):
    client, seen = world.sign_in(Role.SUPERVISOR), version(world, assigned)
    for _ in range(2):
        answer = client.post(f"/requests/{assigned}/{where}", {**form, "version": seen}, follow=False)
        assert answer.status_code == 303, answer.text
    assert [event.what for event in one(world, assigned).history].count(form["act"]) == (
        2 if form["act"] == "assigned" else 1
    )
    assert noted(world).count((f"request.{form['act']}", assigned)) == 1


def test_a_warning_of_the_deadline_stands_in_nobodys_way(world, assigned):
    seen = version(world, assigned)
    world.passes(days=28)
    world.write(lambda conn: escalate(conn, world.now))
    assert version(world, assigned) > seen
    client = world.sign_in(Role.SUPERVISOR)
    answer = client.post(f"/requests/{assigned}/work", {"act": "noted", "text": "х", "version": seen}, follow=False)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "form", [{"act": "escalated"}, {"act": "nonsense"}, {"act": "considered"}, {}, {"act": "noted", "version": "x"}]
)
def test_a_form_that_none_of_our_pages_makes_is_turned_away(world, assigned, form):
    client = world.sign_in(Role.SUPERVISOR)
    assert client.post(f"/requests/{assigned}/work", {"version": "1", **form}).status_code == 400


def test_who_may_look_may_not_act_and_who_works_may_not_close(world, assigned):
    form = {**CONSIDERED, "version": version(world, assigned)}
    assert world.sign_in(Role.AGENT).post(f"/requests/{assigned}/close", form).status_code == 403
    auditor = world.sign_in(Role.AUDITOR)
    assert auditor.get(f"/requests/{assigned}").status_code == 200
    assert "<textarea" not in auditor.get(f"/requests/{assigned}").text
    for where in ("work", "close", "letter"):
        assert auditor.post(f"/requests/{assigned}/{where}", form).status_code == 403
    agent = world.sign_in(Role.AGENT).get(f"/requests/{assigned}?act=considered").text
    assert 'name="justified"' not in agent
    assert one(world, assigned).state is RequestState.ASSIGNED


# Letters


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_is_drafted_from_what_was_filled_in_and_nothing_is_kept(world, assigned, language):
    client, before = world.sign_in(Role.SUPERVISOR), version(world, assigned)
    form = {**CONSIDERED, "version": before, "reply": "", "letter_language": language, "measures": ""}
    page = unescape(client.post(f"/requests/{assigned}/letter", form).text)
    letter = re.search(r'name="reply"[^>]*>(.*?)</textarea>', page, re.S)[1]
    assert assigned in letter and "напруга була нижча за норму" in letter and "[…]" in letter
    assert {"uk": "20 грудня 2026 року", "ru": "20 декабря 2026 года", "en": "20 December 2026"}[language] in letter
    assert "Supervisor" in letter
    assert version(world, assigned) == before


def test_a_letter_needs_the_finding_first(world, assigned):
    client = world.sign_in(Role.SUPERVISOR)
    answer = client.post(f"/requests/{assigned}/letter", {**CONSIDERED, "version": "1", "justified": ""})
    assert answer.status_code == 422 and field_errors(answer.text)["justified"]


@pytest.mark.parametrize("act", ["interim", "refused"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_interim_replies_and_refusals_have_their_letters(world, assigned, act, language):
    client = world.sign_in(Role.SUPERVISOR)
    form = {"act": act, "ground": "secret", "letter_language": language, "reasons": "виїхала бригада"}
    page = unescape(client.post(f"/requests/{assigned}/letter", form).text)
    letter = re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, re.S)[1]
    assert assigned in letter and len(letter) > 120


def test_what_was_sent_is_printed_word_for_word(world, do, assigned):
    do(SendInterim(assigned, "Перша відповідь.", ReplyBy.PHONE), by="supervisor")
    client = world.sign_in(Role.SUPERVISOR)
    client.post(f"/requests/{assigned}/close", {**CONSIDERED, "version": version(world, assigned)})
    assert CONSIDERED["reply"] in unescape(client.get(f"/requests/{assigned}/letter").text)
    history = one(world, assigned).history
    interim = next(each for each in history if each.what == Act.INTERIM)
    assert "Перша відповідь." in client.get(f"/requests/{assigned}/letter?event={interim.id}").text
    assert client.get(f"/requests/{assigned}/letter?event={history[0].id}").status_code == 404


# Calls back and orders


@pytest.fixture
def callback(do):
    return do(OrderCallBack(PHONE, "reading", ACCOUNT)).number


@pytest.fixture
def order(do):
    return do(PlaceOrder(OrderKind.SEAL, ACCOUNT, PHONE)).number


def waiting(world):
    return {each.number: each.attempts for each in world.read(lambda conn: duties.callbacks_waiting(conn, world.now))}


def test_a_customer_is_called_back(world, callback):
    client = world.sign_in(Role.AGENT)
    assert callback in client.get("/requests/callbacks").text
    answer = client.post(
        f"/requests/callbacks/{callback}", {"what": "finished", "result": "передав показання", "attempts": "0"}
    )
    assert urlsplit(str(answer.url)).path == "/requests/callbacks"
    assert waiting(world) == {}
    assert ("callback.finished", callback) in noted(world)


def test_an_attempt_in_vain_is_counted_once_however_often_it_is_sent(world, callback):
    client = world.sign_in(Role.AGENT)
    for _ in range(3):
        client.post(
            f"/requests/callbacks/{callback}", {"what": "failed", "result": "немає відповіді", "attempts": "0"}
        )
    assert waiting(world) == {callback: 1}
    assert noted(world).count(("callback.failed", callback)) == 1


def test_the_last_attempt_finishes_it_and_sent_twice_it_is_no_fault(world, callback):
    client = world.sign_in(Role.AGENT)
    for attempts in ("0", "1", "2", "2"):
        form = {"what": "failed", "result": "немає відповіді", "attempts": attempts}
        assert client.post(f"/requests/callbacks/{callback}", form, follow=False).status_code == 303
    assert waiting(world) == {}


def test_who_noted_another_attempt_meanwhile_is_noticed(world, callback):
    client = world.sign_in(Role.AGENT)
    client.post(f"/requests/callbacks/{callback}", {"what": "failed", "result": "зайнято", "attempts": "0"})
    answer = client.post(
        f"/requests/callbacks/{callback}", {"what": "finished", "result": "додзвонився", "attempts": "0"}
    )
    assert answer.status_code == 409 and "додзвонився" in answer.text
    assert waiting(world) == {callback: 1}


def test_a_service_is_finished_with_what_was_done(world, do, order):
    client = world.sign_in(Role.AGENT)
    assert order in client.get("/requests/orders").text
    answer = client.post(f"/requests/orders/{order}", {"result": " "})
    assert answer.status_code == 422 and T("requests.error_missing") in answer.text
    for _ in range(2):
        assert client.post(f"/requests/orders/{order}", {"result": "опломбовано"}, follow=False).status_code == 303
    assert noted(world).count(("order.finished", order)) == 1
    answer = client.post(f"/requests/orders/{order}", {"result": "інше"})
    assert answer.status_code == 409 and "інше" in answer.text
    assert order not in client.get("/requests/orders").text


def test_somebody_else_who_finished_it_is_noticed(world, do, order):
    do(FinishOrder(order, "зроблено"), by="petro")
    answer = world.sign_in(Role.AGENT).post(f"/requests/orders/{order}", {"result": "не можна"})
    assert answer.status_code == 409 and T("requests.error_gone") in unescape(answer.text)


@pytest.mark.parametrize("path", ["/requests/callbacks/12345678", "/requests/orders/12345678"])
def test_a_number_of_something_else_is_not_found(world, path):
    assert world.sign_in(Role.AGENT).post(path, {"result": "х", "attempts": "0"}).status_code == 404


def test_an_auditor_sees_them_and_cannot_act(world, callback, order):
    client = world.sign_in(Role.AUDITOR)
    for path, number in (("/requests/callbacks", callback), ("/requests/orders", order)):
        assert number in client.get(path).text and 'name="result"' not in client.get(path).text
        assert client.post(f"{path}/{number}", {"result": "х", "attempts": "0"}).status_code == 403
