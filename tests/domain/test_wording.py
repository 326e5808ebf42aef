"""Versions of prompts: nothing is overwritten, what was published last counts, every change can be undone."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from domain import trail, wording
from domain.model import Language
from domain.store import Store
from domain.tables import wordings
from domain.wording import AsItIs, Clip, NoSuchVersion, NotADraft, Overtaken, State, Texts
from tests.domain.conftest import NOW
from tests.postgres import new_database

UK, RU = Language("uk"), Language("ru")
CLIP = Clip("uk/goodbye", "Бувайте.", "falls", "a" * 64, 900, "Natalia")


@pytest.fixture
def run(store: Store):
    return lambda job: store.write(job).result()


def drafted(
    conn: Connection, text: str = "Бувайте.", prompt: str = "goodbye", language: Language = UK, **more
) -> int:
    return wording.draft(conn, prompt, language, Texts(text), by="olha", at=NOW, clips=(CLIP,), **more)


def published(conn: Connection, text: str = "Бувайте.", prompt: str = "goodbye", language: Language = UK) -> int:
    made = drafted(conn, text, prompt, language)
    standing = wording.standing(conn, prompt, language)
    wording.publish(conn, made, by="ivan", at=NOW, over=standing.id if standing else None)
    return made


def heard(conn: Connection, prompt: str = "goodbye", language: Language = UK) -> str | None:
    found = wording.standing(conn, prompt, language)
    return found.texts.text if found else None


def test_a_draft_is_heard_by_nobody(run):
    def job(conn):
        made = drafted(conn, reason="shorter")
        return wording.live(conn), wording.of(conn, made), wording.drafts(conn)

    live, version, drafts = run(job)

    assert live == []
    assert (version.state, version.texts.text, version.reason, version.made_by) == (
        State.DRAFT, "Бувайте.", "shorter", "olha",
    )  # fmt: skip
    assert version.clips == (CLIP,)
    assert [one.id for one in drafts] == [version.id]


def test_what_is_published_is_live_and_says_who_and_when(run):
    def job(conn):
        made = published(conn)
        return wording.live(conn), made

    [version], made = run(job)

    assert (version.id, version.state, version.published_by, version.published_at) == (made, State.LIVE, "ivan", NOW)


def test_the_newest_publication_counts_and_languages_are_apart(run):
    def job(conn):
        first, second = published(conn, "Раз."), published(conn, "Два.")
        published(conn, "Всё.", language=RU)
        states = {one.id: one.state for one in wording.history(conn, "goodbye", UK)}
        return heard(conn), heard(conn, language=RU), [states[first], states[second]]

    assert run(job) == ("Два.", "Всё.", [State.REPLACED, State.LIVE])


def test_an_older_draft_published_later_counts(run):
    def job(conn):
        old, new = drafted(conn, "Старе."), drafted(conn, "Нове.")
        wording.publish(conn, new, by="ivan", at=NOW, over=None)
        wording.publish(conn, old, by="ivan", at=NOW, over=new)
        return heard(conn)

    assert run(job) == "Старе."


def test_what_went_live_meanwhile_is_not_replaced_unseen(run):
    def job(conn):
        mine = drafted(conn, "Моє.")
        published(conn, "Чуже.")
        with pytest.raises(Overtaken):
            wording.publish(conn, mine, by="ivan", at=NOW, over=None)
        return heard(conn), wording.of(conn, mine).state

    assert run(job) == ("Чуже.", State.DRAFT)


def test_undoing_is_a_new_version_that_says_what_it_undoes(run):
    def job(conn):
        first, second = published(conn, "Раз."), published(conn, "Два.")
        back = wording.before(wording.history(conn, "goodbye", UK))
        made = wording.undo(conn, "goodbye", UK, to=back, by="nina", at=NOW, reason="too short")
        return first, second, back, wording.of(conn, made), wording.of(conn, second)

    first, second, back, made, undone = run(job)

    assert back == first
    assert (made.state, made.texts.text, made.undoes, made.published_by) == (State.LIVE, "Раз.", second, "nina")
    assert made.clips == (CLIP,)
    assert (undone.state, undone.texts.text) == (State.UNDONE, "Два.")


def test_undoing_an_undoing_brings_the_undone_version_back(run):
    def job(conn):
        published(conn, "Раз.")
        published(conn, "Два.")
        for _ in range(2):
            back = wording.before(wording.history(conn, "goodbye", UK))
            wording.undo(conn, "goodbye", UK, to=back, by="nina", at=NOW, reason=None)
        return heard(conn), len(wording.history(conn, "goodbye", UK))

    assert run(job) == ("Два.", 4)


def test_undoing_the_only_version_brings_the_shipped_words_back(run):
    def job(conn):
        published(conn)
        back = wording.before(wording.history(conn, "goodbye", UK))
        wording.undo(conn, "goodbye", UK, to=back, by="nina", at=NOW, reason=None)
        with pytest.raises(AsItIs):
            wording.undo(conn, "goodbye", UK, to=None, by="nina", at=NOW, reason=None)
        return back, wording.live(conn), heard(conn)

    assert run(job) == (None, [], None)


def test_nobody_can_go_back_to_what_was_never_heard(run):
    def job(conn):
        published(conn)
        never, other = drafted(conn, "Ніколи."), published(conn, "Інше.", prompt="noinput")
        for wrong in (never, other, 999):
            with pytest.raises(NoSuchVersion):
                wording.undo(conn, "goodbye", UK, to=wrong, by="nina", at=NOW, reason=None)
        return heard(conn)

    assert run(job) == "Бувайте."


def test_a_version_is_published_once_and_a_dropped_one_never(run):
    def job(conn):
        live, dropped = published(conn), drafted(conn)
        wording.drop(conn, dropped, by="olha", at=NOW)
        for wrong in (live, dropped):
            with pytest.raises(NotADraft):
                wording.publish(conn, wrong, by="ivan", at=NOW, over=live)
            with pytest.raises(NotADraft):
                wording.drop(conn, wrong, by="ivan", at=NOW)
            with pytest.raises(NotADraft):
                wording.add_clips(conn, wrong, [CLIP])
        return wording.of(conn, dropped).state, wording.drafts(conn)

    assert run(job) == (State.DROPPED, [])


def test_sound_is_added_to_a_draft_and_never_replaced(run):
    other = Clip("uk/goodbye", "Бувайте.", "falls", "b" * 64, 1000, "talent", "c" * 64)
    more = Clip("uk/goodbye.second", "Усе.", "falls", "d" * 64, 1000, "Natalia")

    def job(conn):
        made = drafted(conn)
        wording.add_clips(conn, made, [other, more])
        return wording.of(conn, made).clips

    assert run(job) == (CLIP, more)


def test_a_recording_alone_is_a_version_of_the_shipped_words(run):
    def job(conn):
        made = wording.draft(conn, "n/45", UK, Texts(), by="olha", at=NOW, clips=(CLIP,))
        wording.publish(conn, made, by="olha", at=NOW, over=None)
        return wording.live(conn)

    [version] = run(job)
    assert (version.prompt, version.texts.text, version.clips) == ("n/45", None, (CLIP,))


def test_a_second_try_without_a_first_is_no_text(run):
    with pytest.raises(Exception, match="whole"):
        run(lambda conn: wording.draft(conn, "goodbye", UK, Texts(None, "Ще раз."), by="olha", at=NOW))


def test_every_deed_is_in_the_trail(run):
    def job(conn):
        published(conn)
        wording.drop(conn, drafted(conn), by="olha", at=NOW)
        wording.undo(conn, "goodbye", UK, to=None, by="nina", at=NOW, reason="a slip")
        return [(row.who, row.what, row.of, row.reason) for row in trail.page(conn)][::-1]

    assert run(job) == [
        ("olha", "prompt.drafted", "uk/goodbye", None),
        ("ivan", "prompt.published", "uk/goodbye", None),
        ("olha", "prompt.drafted", "uk/goodbye", None),
        ("olha", "prompt.dropped", "uk/goodbye", None),
        ("nina", "prompt.undone", "uk/goodbye", "a slip"),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    deeds=st.lists(st.tuples(st.sampled_from(["draft", "publish", "undo", "drop"]), st.integers(0, 5)), max_size=14)
)
def test_whatever_is_done_nothing_is_lost_and_the_last_publication_counts(store: Store, deeds):
    class Done(Exception):
        pass

    def job(conn: Connection):
        made: list[int] = []
        texts: dict[int, str] = {}
        now: str | None = None
        at = NOW
        for deed, which in deeds:
            at += timedelta(seconds=1)
            generation = wording.generation(conn)
            standing = wording.standing(conn, "goodbye", UK)
            try:
                if deed == "draft":
                    number = drafted(conn, f"Текст {len(made)}.")
                    made.append(number)
                    texts[number] = f"Текст {len(made) - 1}."
                elif deed == "undo":
                    back = wording.before(wording.history(conn, "goodbye", UK))
                    number = wording.undo(conn, "goodbye", UK, to=back, by="x", at=at, reason=None)
                    now = texts[back] if back else None
                    texts[number] = now or ""
                elif made:
                    number = made[which % len(made)]
                    if deed == "drop":
                        wording.drop(conn, number, by="x", at=at)
                    else:
                        wording.publish(conn, number, by="x", at=at, over=standing.id if standing else None)
                        now = texts[number]
            except (NotADraft, AsItIs):
                assert wording.generation(conn) == generation
            else:
                assert (wording.generation(conn) != generation) == (
                    deed == "undo" or (deed == "publish" and bool(made))
                )
            assert heard(conn) == now
            assert {row.id for row in conn.execute(select(wordings))} >= set(made)
            assert sum(one.state is State.LIVE for one in wording.history(conn, "goodbye", UK)) <= 1
        raise Done

    with pytest.raises(Done):
        store.write(job).result()


def test_of_two_who_publish_at_once_the_second_is_told_so_on_postgresql_too():
    """The second looks while the first has published and not committed yet."""
    url = new_database(empty=False)
    done, go = threading.Event(), threading.Event()

    def first(conn: Connection) -> None:
        wording.publish(conn, drafts[0], by="olha", at=NOW)
        done.set()
        assert go.wait(10)

    with Store.open(url) as one, Store.open(url) as other:
        drafts = [
            one.write(lambda conn, said=said: drafted(conn, said)).result() for said in ("Бувайте.", "Прощавайте.")
        ]
        published_ = one.write(first)
        assert done.wait(10)
        second = other.write(lambda conn: wording.publish(conn, drafts[1], by="ivan", at=NOW))
        while not second.done() and not one.read(_somebody_waits).result():
            pass  # until it waits, or is through
        go.set()
        published_.result()
        with pytest.raises(Overtaken):
            second.result()
        assert one.read(heard).result() == "Бувайте."


def _somebody_waits(conn: Connection) -> bool:
    return bool(
        conn.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).scalar()
    )
