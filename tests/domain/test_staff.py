"""Accounts of staff: passwords, signing in, sessions, grants, administration."""

import shutil
from datetime import UTC, datetime, timedelta
from unicodedata import normalize

import argon2
import pytest
import sqlalchemy as sa
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import passwords, staff, staffing, throttle, trail
from domain.model import Language
from domain.passwords import BadPassword, Proof
from domain.roles import Permission, Role
from domain.staff import IDLE, WHOLE, Attempt, BadLogin, LoginTaken, NoSuchPerson, Refused
from domain.staffing import LastAdministrator, OwnAccount
from domain.store import Store
from tests.postgres import new_database

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RIGHT = "сім зелених трамваїв"
HERE = "192.0.2.7"


@pytest.fixture(params=["sqlite", "postgresql"])
def do(request, tmp_path, empty):
    """Run a job in a transaction, on both databases."""
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(empty, tmp_path / 'hotline.db')}"
    else:
        url = new_database(empty=False)
    with Store.open(url) as store:
        yield lambda job: store.write(job).result()


@pytest.fixture(scope="module")
def kept():
    """The hash of RIGHT; making one takes a while."""
    return passwords.hashed(RIGHT)


@pytest.fixture
def anna(do, kept):
    return do(lambda c: hire(c, "anna", Role.SUPERVISOR, kept))


def hire(conn, login, role, hashed=None, **more):
    given = {"name": login.title(), "language": Language.UK, "at": AT} | more
    return staff.add_hashed(conn, login=login, role=role, hashed=hashed, **given)


def guess(do, login, at=AT, *, right=False, address=HERE):
    """An attempt without the hashing: what the store does with it."""

    def job(conn):
        tried = staff.attempt(conn, login, address=address, at=at)
        return tried if isinstance(tried, Refused) else staff.settle(conn, tried, Proof(right), at)

    return do(job)


def opened(do, person, at=AT, **more):
    given = {"address": HERE, "agent": "test"} | more
    return do(lambda c: staff.session_open(c, person, at=at, **given))


def session(do, token, at=AT):
    return do(lambda c: staff.session_of(c, token, at))


def noted(do, what):
    return do(lambda c: trail.page(c, what=what))


# Passwords


@pytest.mark.parametrize(
    "password",
    [
        RIGHT, "correct horse battery stable", "x8!kQ02mmPzT", " a leading space is fine", "пароль мій не той",
        "🙂🙃🐈🌾🚋⚡🎻🧦🪁🍋🥁🗝",
    ],
)  # fmt: skip
def test_any_long_password_that_is_not_everybodys_will_do(password):
    passwords.check(password, "anna", "Anna Kovalenko")


@pytest.mark.parametrize(
    ("password", "because"),
    [
        ("", "short"), ("eleven char", "short"), ("x" * 11, "short"), ("word " * 41, "long"),
        ("anna.kovalenko", "login"), ("ANNA.Kovalenko", "login"), ("Ганна Коваленко-Шевченко", "login"),
        ("password1234", "common"), ("PassWord1234", "common"), ("йцукенгшщзхї", "common"),
        ("123456789012", "common"),
        ("aaaaaaaaaaaa", "common"), ("abcabcabcabc", "common"), ("123123123123", "common"),
        ("efghijklmnop", "common"),
        ("zyxwvutsrqponm", "common"), ("qwertyqwerty", "common"),
    ],
)  # fmt: skip
def test_a_password_that_is_guessed_first_is_refused(password, because):
    with pytest.raises(BadPassword) as refused:
        passwords.check(password, "anna.kovalenko", "Ганна Коваленко-Шевченко")
    assert refused.value.because == because


def test_a_password_is_the_same_on_every_keyboard():
    composed, apart = "мій їжачок біжить", "міи\u0306 і\u0308жачок біжить"
    assert composed != apart
    assert passwords.prove(passwords.hashed(composed), apart).right


def test_what_is_kept_is_argon2id_as_rfc_9106_says(kept):
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert RIGHT not in kept
    assert passwords.hashed(RIGHT) != kept, "salted"
    assert passwords.prove(kept, RIGHT) == Proof(True)
    assert passwords.prove(kept, RIGHT + " ") == Proof(False)


def test_nobodys_hash_takes_as_long_as_anybodys_and_opens_nothing():
    parameters = argon2.extract_parameters(passwords._NOBODYS)
    assert parameters == RFC_9106_LOW_MEMORY
    assert passwords.prove(None, "aaaaaaaaaaaaaaa") == Proof(False), "even what it was made of opens nothing"


def test_a_hash_with_weaker_parameters_is_made_anew_at_sign_in(do):
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(RIGHT)
    person = do(lambda c: hire(c, "old", Role.AGENT, weak))
    assert do(lambda c: staff.authenticate(c, "old", RIGHT, address=HERE, at=AT)) == person
    renewed = do(lambda c: staff.kept_hash(c, person.id))
    assert renewed != weak
    assert passwords.prove(renewed, RIGHT) == Proof(True)


@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$broken", "$2b$12$aaaaaaaaaaaaaaaaaaaaaa"])
def test_what_is_no_hash_opens_nothing(kept):
    assert passwords.prove(kept, RIGHT) == Proof(False)


def test_a_password_of_megabytes_costs_no_more_than_a_short_one():
    assert passwords.prove(None, "ﷺ" * 5_000_000) == Proof(False)


def test_temporary_passwords_are_readable_never_the_same_and_good_ones():
    made = {passwords.temporary() for _ in range(200)}
    assert len(made) == 200
    for each in made:
        assert len(each) == 19
        assert set(each) <= {*passwords.ALPHABET, "-"}
        passwords.check(each, "anna")
    assert not set("01oil") & set(passwords.ALPHABET)


@given(st.text(max_size=300))
def test_whatever_is_typed_it_is_a_password_or_says_why_not(text):
    because = ""
    try:
        passwords.check(text, "anna")
    except BadPassword as refused:
        because = refused.because
    assert because in ("", "short", "long", "login", "common")
    assert (because == "short") == (len(normalize("NFKC", text)) < passwords.LEAST)


# Accounts


def test_an_account_is_found_by_its_login_however_it_is_typed(do, anna):
    assert do(lambda c: staff.of_login(c, " ANNA ")) == anna
    assert anna.may(Permission.LISTEN)
    assert not anna.may(Permission.STAFF)
    with pytest.raises(NoSuchPerson, match="boris"):
        do(lambda c: staff.of_login(c, "boris"))


def test_a_login_is_one_persons_even_when_they_have_left(do, anna):
    do(lambda c: staffing.disable(c, "anna", by="root", at=AT))
    with pytest.raises(LoginTaken):
        do(lambda c: hire(c, "Anna", Role.AGENT))
    assert [each.login for each in do(staff.listed)] == ["anna"]


@pytest.mark.parametrize("login", ["", "a", "два", "a b", "cli:root", "?", "../etc", "<b>", "x" * 81, "-a", "a\nb"])
def test_a_login_that_could_be_taken_for_something_else_is_refused(do, login):
    with pytest.raises(BadLogin):
        do(lambda c: hire(c, login, Role.AGENT))


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "a\x07b", "a\u202eb"])
def test_a_name_has_letters_and_no_tricks(do, name):
    with pytest.raises(BadLogin):
        do(lambda c: hire(c, "anna", Role.AGENT, name=name))


def test_a_bad_password_makes_no_account(do):
    with pytest.raises(BadPassword):
        do(lambda c: staff.add(c, login="anna", name="A", role=Role.AGENT, language=Language.UK, password="x", at=AT))
    assert do(staff.listed) == []


# Signing in


def test_who_knows_the_password_is_let_in(do, anna):
    assert do(lambda c: staff.authenticate(c, "Anna", RIGHT, address=HERE, at=AT)) == anna
    assert do(lambda c: staff.authenticate(c, "anna", "wrong", address=HERE, at=AT)) == Refused()


def test_an_unknown_login_a_disabled_one_and_a_wrong_password_are_refused_alike(do, anna, kept):
    do(lambda c: hire(c, "left", Role.AGENT, kept))
    do(lambda c: hire(c, "elsewhere", Role.AGENT, None))
    do(lambda c: staffing.disable(c, "left", by="root", at=AT))

    refused = [guess(do, "anna"), guess(do, "nobody"), guess(do, "left", right=True), guess(do, "elsewhere")]

    assert refused == [Refused()] * 4
    reasons = [(row.of, row.details["why"]) for row in reversed(noted(do, "signed.refused"))]
    assert reasons == [("anna", "wrong"), (None, "unknown"), ("left", "disabled"), ("elsewhere", "no_password")]


def test_an_unknown_login_is_compared_with_something_too(do, anna, kept):
    unknown = do(lambda c: staff.attempt(c, "nobody", address=HERE, at=AT))
    assert isinstance(unknown, Attempt)
    assert unknown.hash is None, "prove then takes the time of nobody's hash (tested above)"
    assert do(lambda c: staff.attempt(c, "anna", address=HERE, at=AT)).hash == kept


def test_what_was_typed_as_an_unknown_login_is_kept_nowhere(do):
    guess(do, "my-secret-password-in-the-wrong-field")
    (row,) = noted(do, "signed.refused")
    assert row.of is None
    assert "secret" not in str(row)
    keys = do(lambda c: c.execute(sa.text("SELECT key FROM attempts")).scalars().all())
    assert not any("secret" in key for key in keys)


def test_pauses_grow_from_nothing_to_a_quarter_of_an_hour_and_no_longer(do, anna):
    at, waits = AT, []
    for _ in range(16):
        assert guess(do, "anna", at) == Refused()
        (row,) = do(lambda c: c.execute(sa.text("SELECT failures FROM attempts WHERE key LIKE 'login:%'")).all())
        wait = guess(do, "anna", at).wait if row[0] > 4 else timedelta()
        waits.append(wait.total_seconds())
        at += wait
    assert waits == [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_asking_during_a_pause_is_not_counted_and_does_not_prolong_it(do, anna):
    for _ in range(6):
        guess(do, "anna", AT + timedelta(seconds=2))
    ends = AT + timedelta(seconds=4)
    for _ in range(50):
        assert guess(do, "anna", AT + timedelta(seconds=3), right=True).wait == ends - (AT + timedelta(seconds=3))
    assert guess(do, "anna", ends, right=True) == anna


def test_a_right_password_clears_the_mistakes(do, anna):
    for _ in range(4):
        guess(do, "anna")
    assert guess(do, "anna", right=True) == anna
    for _ in range(4):
        assert guess(do, "anna") == Refused()


def test_pauses_outlive_a_restart(tmp_path, empty):
    url = f"sqlite:///{shutil.copy(empty, tmp_path / 'hotline.db')}"
    for _ in range(5):
        with Store.open(url) as store:
            guess(lambda job, store=store: store.write(job).result(), "anna")
    with Store.open(url) as store:
        assert guess(lambda job: store.write(job).result(), "anna").wait == timedelta(seconds=2)


def test_many_guesses_at_one_time_are_counted_before_any_is_answered(do, anna):
    tried = [do(lambda c: staff.attempt(c, "anna", address=HERE, at=AT)) for _ in range(50)]
    assert sum(isinstance(each, Attempt) for each in tried) == 5


def test_an_account_is_never_locked_for_good(do, anna):
    at = AT
    for _ in range(60):
        answer = guess(do, "anna", at)
        at += answer.wait
    assert guess(do, "anna", at + throttle.LONGEST, right=True) == anna


def test_who_guesses_at_many_logins_is_held_up_by_address(do, anna):
    answers = [guess(do, f"login{n}", AT) for n in range(30)]
    assert answers[:21] == [Refused()] * 21
    assert all(answer.wait > timedelta() for answer in answers[21:])
    assert guess(do, "anna", AT, right=True, address="198.51.100.9") == anna, "others are not"


def test_who_signs_in_in_between_does_not_clear_the_address(do, anna):
    for n in range(20):
        guess(do, f"login{n}")
        assert guess(do, "anna", right=True) == anna
    guess(do, "login20")
    assert guess(do, "login21").wait > timedelta()


def test_a_stranger_can_not_keep_somebody_out_of_where_they_work(do, anna):
    opened(do, anna)
    for n in range(40):
        guess(do, "anna", AT, address=f"198.51.100.{n}")
    assert guess(do, "anna", AT, address="198.51.100.99").wait > timedelta(), "strangers wait"
    assert guess(do, "anna", AT, right=True) == anna, "anna, where she always signs in, does not"


def test_from_a_known_place_guessing_is_slow_too(do, anna):
    opened(do, anna)
    for _ in range(5):
        assert guess(do, "anna") == Refused()
    assert guess(do, "anna").wait == timedelta(seconds=2)


def test_a_day_without_mistakes_forgets_them(do, anna):
    for _ in range(5):
        guess(do, "anna")
    guess(do, "boris", AT + timedelta(days=1, seconds=1))
    assert do(lambda c: c.execute(sa.text("SELECT count(*) FROM attempts")).scalar()) == 3
    for _ in range(4):
        assert guess(do, "anna", AT + timedelta(days=1, seconds=1)) == Refused()


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("::1", "::/64"),
    ],
)  # fmt: skip
def test_an_address_stands_for_one_customer(address, whose):
    assert throttle.neighbourhood(address) == whose


def test_a_password_that_changed_while_it_was_compared_opens_nothing(do, anna, kept):
    tried = do(lambda c: staff.attempt(c, "anna", address=HERE, at=AT))
    do(lambda c: staffing.give_password(c, "anna", "$argon2id$other", by="root", at=AT))
    assert do(lambda c: staff.settle(c, tried, Proof(True), AT)) == Refused()


def test_a_temporary_password_opens_for_a_week(do, kept):
    new = do(lambda c: hire(c, "new", Role.AGENT, kept, temporary=True))
    assert new.must_change
    week = AT + staff.TEMPORARY
    assert do(lambda c: staff.attempt(c, "new", address=HERE, at=week)).hash == kept
    assert do(lambda c: staff.attempt(c, "new", address=HERE, at=week + timedelta(seconds=1))).hash is None


# Sessions


def test_a_session_is_known_by_its_token_alone(do, anna):
    token = opened(do, anna)
    found = session(do, token)
    assert found.person == anna
    assert (found.opened_at, found.seen_at, found.address, found.agent, found.way) == (
        AT,
        AT,
        HERE,
        "test",
        "password",
    )
    assert len(token) >= 43
    for other in ("", token[:-1], token + "x", token.swapcase(), "\ud800", "x" * 10_000):
        assert session(do, other) is None


def test_the_store_has_neither_token_nor_form_token(do, anna):
    token = opened(do, anna)
    tables = ("SELECT * FROM sessions", "SELECT * FROM trail")
    rows = do(lambda c: [str(tuple(row)) for each in tables for row in c.execute(sa.text(each))])
    assert rows
    for row in rows:
        assert token not in row
        assert staff.csrf_of(token) not in row


def test_every_sign_in_has_a_session_and_a_form_token_of_its_own(do, anna):
    first, second = opened(do, anna), opened(do, anna)
    assert first != second
    assert session(do, first).csrf != session(do, second).csrf
    assert session(do, first).id != session(do, second).id


def test_a_session_ends_when_nothing_was_asked_for_half_an_hour(do, anna):
    token = opened(do, anna)
    assert session(do, token, AT + IDLE - timedelta(seconds=1))
    assert session(do, token, AT + IDLE) is None


def test_what_is_asked_keeps_a_session_going_until_the_day_is_over(do, anna):
    token, at = opened(do, anna), AT
    while at + timedelta(minutes=29) < AT + WHOLE:
        at += timedelta(minutes=29)
        found = session(do, token, at)
        do(lambda c, found=found, at=at: staff.session_seen(c, found.id, at))
    assert session(do, token, AT + WHOLE - timedelta(seconds=1))
    assert session(do, token, AT + WHOLE) is None


def test_that_a_session_was_seen_is_written_once_a_minute(do, anna):
    found = session(do, opened(do, anna))
    assert not staff.is_stale(found, AT + timedelta(seconds=59))
    assert staff.is_stale(found, AT + timedelta(minutes=1))


def test_a_late_write_does_not_make_a_session_older(do, anna):
    token = opened(do, anna)
    later = AT + timedelta(minutes=9)
    number = session(do, token).id
    do(lambda c: staff.session_seen(c, number, later))
    do(lambda c: staff.session_seen(c, number, AT + timedelta(minutes=5)))
    assert session(do, token, later).seen_at == later


def test_signing_out_ends_one_session_for_good(do, anna):
    here, there = opened(do, anna), opened(do, anna)
    do(lambda c: staff.session_close(c, here, AT))
    do(lambda c: staff.session_close(c, here, AT))
    do(lambda c: staff.session_close(c, "nonsense", AT))
    assert session(do, here) is None
    assert session(do, there)
    assert len(noted(do, "signed.out")) == 1


def test_all_sessions_of_somebody_are_ended_at_once_or_all_but_one(do, anna):
    tokens = [opened(do, anna) for _ in range(3)]
    kept = session(do, tokens[1]).id
    assert do(lambda c: staff.sessions_close_all(c, anna.id, AT, but=kept)) == 2
    assert [session(do, token) is not None for token in tokens] == [False, True, False]
    assert do(lambda c: staff.sessions_close_all(c, anna.id, AT)) == 1


def test_a_session_is_ended_by_its_number_only_by_whose_it_is(do, anna):
    boris = do(lambda c: hire(c, "boris", Role.AGENT))
    token = opened(do, anna)
    number = session(do, token).id
    assert not do(lambda c: staff.session_end(c, boris.id, number, AT))
    assert session(do, token)
    assert do(lambda c: staff.session_end(c, anna.id, number, AT))
    assert session(do, token) is None


def test_sessions_that_go_on_are_listed_and_others_are_not(do, anna):
    opened(do, anna, AT - timedelta(hours=1))
    opened(do, anna, AT - timedelta(hours=13))
    for n in (9, 1, 5):
        closed = opened(do, anna, AT - timedelta(minutes=n), address=f"192.0.2.{n}")
    do(lambda c: staff.session_close(c, closed, AT))
    listed = do(lambda c: staff.sessions_of(c, anna.id, AT))
    assert [each.address for each in listed] == ["192.0.2.1", "192.0.2.9"]
    assert all(each.csrf == "" for each in listed)


def test_sessions_of_long_ago_are_forgotten_with_their_grants(do, anna):
    old = session(do, opened(do, anna)).id
    do(lambda c: staff.grant(c, old, "listen:c1", AT + timedelta(hours=1)))
    opened(do, anna, AT + staff.REMEMBERED + timedelta(seconds=1))
    assert do(lambda c: c.execute(sa.text("SELECT count(*) FROM sessions")).scalar()) == 1
    assert do(lambda c: c.execute(sa.text("SELECT count(*) FROM grants")).scalar()) == 0


def test_who_is_disabled_is_out_at_once(do, anna):
    token = opened(do, anna)
    do(lambda c: staffing.disable(c, "anna", by="root", at=AT))
    assert session(do, token) is None
    do(lambda c: staffing.enable(c, "anna", by="root", at=AT))
    assert session(do, token) is None, "and has to sign in again"


def test_a_grant_is_of_one_session_one_thing_and_one_while(do, anna):
    mine, other = session(do, opened(do, anna)).id, session(do, opened(do, anna)).id
    until = AT + timedelta(hours=1)
    do(lambda c: staff.grant(c, mine, "listen:c1", until))

    def granted(number, what, at=AT):
        return do(lambda c: staff.granted(c, number, what, at))

    assert granted(mine, "listen:c1")
    assert not granted(other, "listen:c1")
    assert not granted(mine, "listen:c2")
    assert not granted(mine, "listen:c1", until)
    do(lambda c: staff.grant(c, mine, "listen:c1", AT))
    assert granted(mine, "listen:c1"), "a shorter one takes nothing back"
    do(lambda c: staff.grant(c, mine, "listen:c1", until + timedelta(hours=1)))
    assert granted(mine, "listen:c1", until)


# Administration


@pytest.fixture
def root(do, kept):
    return do(lambda c: hire(c, "root", Role.ADMINISTRATOR, kept))


DEEDS = {
    "role": lambda c, login, by: staffing.set_role(c, login, Role.AGENT, by=by, at=AT),
    "disable": lambda c, login, by: staffing.disable(c, login, by=by, at=AT),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_nobody_does_it_to_themselves(do, root, kept, deed):
    do(lambda c: hire(c, "second", Role.ADMINISTRATOR, kept))
    with pytest.raises(OwnAccount):
        do(lambda c: DEEDS[deed](c, "ROOT", "root"))
    assert do(lambda c: staff.of_login(c, "root")) == root


@pytest.mark.parametrize("deed", DEEDS)
def test_the_last_administrator_stays(do, root, kept, deed):
    do(lambda c: hire(c, "without", Role.ADMINISTRATOR, None))  # can't sign in
    do(lambda c: hire(c, "left", Role.ADMINISTRATOR, kept))
    do(lambda c: staffing.disable(c, "left", by="root", at=AT))
    with pytest.raises(LastAdministrator):
        do(lambda c: DEEDS[deed](c, "root", "cli:someone"))

    do(lambda c: staffing.enable(c, "left", by="root", at=AT))
    do(lambda c: DEEDS[deed](c, "root", "left"))
    changed = do(lambda c: staff.of_login(c, "root"))
    assert not changed.active or changed.role is Role.AGENT


def test_what_was_done_to_an_account_is_in_the_trail_and_ends_its_sessions(do, root, anna):
    for what, deed in {
        "staff.role_changed": lambda c: staffing.set_role(c, "anna", Role.AUDITOR, by="root", at=AT),
        "staff.password_given": lambda c: staffing.give_password(c, "anna", "$x", by="root", at=AT),
        "staff.disabled": lambda c: staffing.disable(c, "anna", by="root", at=AT),
        "staff.enabled": lambda c: staffing.enable(c, "anna", by="root", at=AT),
        "staff.signed_out": lambda c: staffing.end_sessions(c, "anna", by="root", at=AT),
    }.items():
        token = opened(do, anna)
        do(deed)
        (row,) = noted(do, what)
        assert (row.who, row.of) == ("root", "anna")
        assert "$x" not in str(row), "a hash is in no trail"
        assert session(do, token) is None, what
    assert do(trail.verify).sound


def test_doing_it_again_changes_nothing_and_is_not_noted(do, root, anna):
    token = opened(do, anna)
    do(lambda c: staffing.set_role(c, "anna", Role.SUPERVISOR, by="root", at=AT))
    do(lambda c: staffing.enable(c, "anna", by="root", at=AT))
    assert session(do, token)
    assert noted(do, "staff") == []


def test_a_changed_password_ends_every_session_and_the_need_to_change_it(do, kept):
    new = do(lambda c: hire(c, "new", Role.AGENT, "$old", temporary=True))
    token = opened(do, new)
    changed = do(lambda c: staffing.change_password(c, new, kept, at=AT))
    assert not changed.must_change
    assert session(do, token) is None
    assert do(lambda c: staff.kept_hash(c, new.id)) == kept


STEPS = st.tuples(st.sampled_from(["disable", "enable", "demote", "promote"]), st.integers(0, 2), st.integers(0, 2))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=12))
def test_whatever_administrators_do_to_each_other_one_can_always_sign_in(tmp_path_factory, empty, steps):
    url = f"sqlite:///{shutil.copy(empty, tmp_path_factory.mktemp('admins') / 'hotline.db')}"
    with Store.open(url) as store:
        for n in range(3):
            store.write(lambda c, n=n: hire(c, f"root{n}", Role.ADMINISTRATOR, "$x")).result()
        for deed, who, by in steps:
            given = {"by": f"root{by}", "at": AT}
            job = {
                "disable": lambda c, w=f"root{who}", g=given: staffing.disable(c, w, **g),
                "enable": lambda c, w=f"root{who}", g=given: staffing.enable(c, w, **g),
                "demote": lambda c, w=f"root{who}", g=given: staffing.set_role(c, w, Role.AGENT, **g),
                "promote": lambda c, w=f"root{who}", g=given: staffing.set_role(c, w, Role.ADMINISTRATOR, **g),
            }[deed]
            try:
                store.write(job).result()
            except staffing.NotAllowed:
                pass
        left = store.read(staff.listed).result()
    assert any(each.active and each.role is Role.ADMINISTRATOR for each in left)
