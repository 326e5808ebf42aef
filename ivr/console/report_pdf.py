"""The monthly report as PDF: for people, for printing, for the regulator.

Rules
1. The same figures give the same bytes: no time of making is in it; it is dated by the last day that it is about.
2. Its fonts come with us (`fonts/`, subsets of DejaVu Sans) and are embedded, so that Cyrillic is there everywhere.
3. Charts are drawn as lines and rectangles, not as pictures; each has its numbers in a table.
4. Accessible as far as fpdf2 can: language, title, bookmarks for every part, real text in reading order.  It can't
   tag tables and headings; who needs that has the page and the CSV.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.prefs import ViewerPreferences

from domain.analytics import Waits
from domain.report import Level, Report, notices
from domain.rules import HOME
from domain.window import Period
from ivr.console.report_words import NOTHING, Teller, length

FONTS: Final = Path(__file__).parent / "fonts"
LANGUAGES: Final = {"uk": "uk-UA", "ru": "ru-UA", "en": "en-GB"}
INK: Final = (22, 32, 43)
MUTED: Final = (86, 99, 111)
LINE: Final = (212, 219, 226)
HEAD: Final = (238, 242, 246)
ACCENT: Final = (11, 92, 173)
OK: Final = (26, 107, 58)
DANGER: Final = (179, 38, 30)
MOST: Final = 15
"""Rows of a table of places and questions: the worst."""
_CHART: Final = (180.0, 44.0)
"""Millimetres."""


class _Page(FPDF):
    """A4, our font, page numbers."""

    def __init__(self, teller: Teller, title: str) -> None:
        super().__init__()
        self.teller, self.heading = teller, title
        self.add_font("DejaVu", "", FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", "B", FONTS / "DejaVuSans-Bold.ttf")
        self.set_margins(15, 15)
        self.set_auto_page_break(True, 18)
        self.set_text_color(*INK)
        self.set_draw_color(*LINE)

    def header(self) -> None:
        if self.page_no() > 1:
            self.set_font("DejaVu", size=8)
            self.set_text_color(*MUTED)
            self.cell(0, 5, self.heading, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(2)
            self.set_text_color(*INK)

    def footer(self) -> None:
        self.set_y(-13)
        self.set_font("DejaVu", size=8)
        self.set_text_color(*MUTED)
        self.cell(0, 5, self.teller("pdf_page", n=self.page_no(), m="{nb}"), align="R")
        self.set_text_color(*INK)


def document(given: Report, teller: Teller) -> bytes:
    """The file."""
    title = teller("pdf_title", month=teller.month(given.span.first))
    pdf = _Page(teller, title)
    pdf.set_lang(LANGUAGES[teller.language])
    pdf.set_title(title)
    pdf.set_creator("Hotline console")
    pdf.set_creation_date(datetime.combine(given.span.last, time(12), HOME).astimezone(UTC))
    pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)
    pdf.add_page()
    _Writer(pdf, given, teller).write(title)
    return bytes(pdf.output())


class _Writer:
    """Writes one report."""

    def __init__(self, pdf: _Page, given: Report, teller: Teller) -> None:
        self.pdf, self.given, self.t = pdf, given, teller

    def write(self, title: str) -> None:
        """All of it, in order."""
        given, t = self.given, self.t
        self.pdf.set_font("DejaVu", "B", 17)
        self.pdf.multi_cell(0, 9, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        period = t("days", first=t.full(given.earlier.span.first), last=t.full(given.earlier.span.last))
        self._text(t("pdf_made", before=period))
        if given.span.last < Period.of(given.span.first).last:
            self._text(t("pdf_partial", last=t.full(given.span.last)))
        self._summary()
        self._days()
        self._waiting()
        self._conversations()
        self._desk()
        self._definitions()

    def _summary(self) -> None:
        t, given = self.t, self.given
        self._section(t("pdf_summary"))
        rows = [(one.words, one.value, one.before, f"{one.target}{self._kept(one.state)}") for one in t.tiles(given)]
        head = (t("pdf_figure"), t("pdf_value"), t("col_before"), t("pdf_standard"))
        self._table(head, rows, (70, 26, 26, 58))
        found = notices(given)
        self._section(t("notices"), 1)
        for one in found:
            self.pdf.set_text_color(*(DANGER if one.level is Level.DANGER else INK))
            self._text(f"• {t('level_' + one.level.value)}. {t.notice(given, one)}", 9)
        self.pdf.set_text_color(*INK)
        if not found:
            self._text(t("notices_none" if given.calls.calls else "no_calls"))

    def _kept(self, state: str) -> str:
        return {"ok": f" ({self.t('kept')})", "danger": f" ({self.t('not_kept')})"}.get(state, "")

    def _days(self) -> None:
        t, given = self.t, self.given
        self._section(t("chart_days"))
        self._chart(
            [t.day(day) for day, _ in given.days],
            [each.calls for _, each in given.days],
            [each.contained for _, each in given.days],
            (t("series_calls"), t("series_contained")),
            t("chart_days"),
        )
        head = (t("col_day"), t("col_calls"), t("col_contained"), t("col_people"), t("col_left"), t("col_repeats"))
        rows = [
            (t.full(day), t.figure(each.calls), t.percent(each.containment, 1), t.figure(each.people),
             t.figure(each.left), t.percent(each.repeats, 1))
            for day, each in given.days
        ]  # fmt: skip
        self._table(head, rows, (34, 26, 34, 28, 32, 26), small=True)
        self._section(t("matters_title"), 1)
        head = (t("matters_title"), t("col_calls"), t("col_contained"), t("col_repeats"), t("col_length"))
        self._table(
            head,
            [
                (t.matter(name), t.figure(each.calls), t.percent(each.containment, 1), t.percent(each.repeats, 1),
                 length(each.average))
                for name, each in given.matters
            ],
            (68, 28, 32, 28, 24),
        )  # fmt: skip
        self._section(t("outcomes_title"), 1)
        self._table(
            (t("col_ended"), t("col_calls"), t("col_share")),
            [
                (t.outcome(outcome), t.figure(n), t.percent(n / given.calls.calls, 1))
                for outcome, n in given.outcomes.items()
            ],
            (110, 35, 35),
        )
        self._section(t("reasons_title"), 1)
        self._table(
            (t("col_earlier"), t("col_ended"), t("col_now"), t("col_calls")),
            [
                (
                    t.matter(one.before_matter),
                    t.outcome(one.before_outcome),
                    t.matter(one.matter),
                    t.figure(one.calls),
                )
                for one in given.reasons[:10]
            ],
            (50, 60, 45, 25),
            texts=3,
        )

    def _waiting(self) -> None:
        t, service = self.t, self.given.service
        self._section(t("service_title"))
        within = t("col_within", seconds=service.terms.seconds)

        def row(name: str, waits: Waits) -> tuple[str, ...]:
            times = (t("seconds", n=n) if n is not None else NOTHING for n in (waits.median, waits.ninety))
            return (
                t(f"service_{name}"),
                t.figure(waits.all),
                t.percent(waits.connected, 1),
                t.percent(waits.lost, 1),
                *times,
            )

        self._table(
            (t("col_what"), t("col_all"), within, t("col_lost"), t("col_median"), t("col_ninety")),
            [row("people", service.people), row("answer", service.answer)],
            (56, 22, 22, 22, 29, 29),
        )
        self._text(t("service_measured", n=t.figure(service.people.all), m=t.figure(service.handed)))
        self._text(t("service_not"))
        self._text(t("service_rule", source=t.source(service.source)))
        self._section(t("chart_hours"), 1)
        self._chart(
            [f"{each.hour:02}" for each in self.given.hours],
            [each.erlang for each in self.given.hours],
            None,
            (t("series_erlang"),),
            t("chart_hours"),
        )
        self._table(
            (t("col_hour"), t("col_calls_day"), t("col_busiest"), t("col_on"), t("col_erlang")),
            [
                (f"{each.hour:02}:00", t.figure(each.calls, 1), t.figure(each.busiest),
                 t.full(each.on) if each.on else NOTHING, t.figure(each.erlang, 2))
                for each in self.given.hours
            ],
            (30, 40, 45, 35, 30),
            small=True,
        )  # fmt: skip

    def _conversations(self) -> None:
        t, given = self.t, self.given
        self._section(t("questions_title"))
        self._text(t("questions_lead"))
        old = {(each.part, each.spot): each.first_try for each in given.earlier.questions}
        self._table(
            (t("col_question"), t("col_first"), t("col_before"), t("col_asked"), t("col_noinput"), t("col_nomatch")),
            [
                (t.place(each.part, each.spot), t.percent(each.first_try, 1),
                 t.percent(old.get((each.part, each.spot)), 1), t.figure(each.asked), t.percent(each.noinput_share),
                 t.percent(each.nomatch_share))
                for each in given.questions[:MOST]
            ],
            (70, 22, 20, 24, 22, 22),
        )  # fmt: skip
        self._section(t("drop_title"), 1)
        self._text(t("drop_lead"))
        self._table(
            (t("col_place"), t("col_visits"), t("col_gone"), t("col_share"), t("col_hung_up"), t("col_wanted")),
            [
                (t.place(each.part, each.spot), t.figure(each.visits), t.figure(each.left),
                 t.percent(each.drop_off, 1), t.figure(each.hung_up), t.figure(each.people + each.gave_up))
                for each in given.places[:MOST] if each.left
            ],
            (72, 20, 18, 20, 26, 24),
        )  # fmt: skip

    def _desk(self) -> None:
        t, now, old = self.t, self.given.requests, self.given.earlier.requests
        self._section(t("requests_title"))
        owed = [
            t.money(each.owed[0])
            if each.owed[0] == each.owed[1]
            else f"{t.money(each.owed[0])} – {t.money(each.owed[1])}"
            for each in (now, old)
        ]
        rows = [
            (t("registered"), t.figure(now.registered), t.figure(old.registered)),
            (t("considered"), t.figure(now.considered), t.figure(old.considered)),
            (t("refused"), t.figure(now.refused), t.figure(old.refused)),
            (t("on_time"), f"{t.figure(now.on_time)} ({t.percent(now.punctual, 1)})",
             f"{t.figure(old.on_time)} ({t.percent(old.punctual, 1)})"),
            (t("late"), t.figure(now.late), t.figure(old.late)),
            (t("average_days"), t.figure(now.days, 1), t.figure(old.days, 1)),
            (t("owed"), *owed),
        ]  # fmt: skip
        self._table((t("pdf_figure"), t("pdf_value"), t("col_before")), rows, (90, 45, 45))
        self._section(t("readings_title"), 1)
        heads = ("channel", "accepted", "doubtful", "corrected", "void", "open")
        self._table(
            tuple(t(f"col_{name}") for name in heads),
            [
                (t(f"source_{each.source.value}"), t.figure(each.accepted), t.figure(each.doubtful),
                 t.figure(each.corrected), t.figure(each.void), t.figure(each.open))
                for each in self.given.readings
            ],
            (55, 27, 27, 27, 22, 22),
        )  # fmt: skip

    def _definitions(self) -> None:
        self._section(self.t("definitions"))
        for name in ("containment", "repeats", "first_try", "drop_off", "service", "requests", "readings", "erlang"):
            self._text(self.t(f"define_{name}"))

    # Pieces

    def _section(self, title: str, level: int = 0) -> None:
        """A heading, and a bookmark; not alone at the foot of a page."""
        if self.pdf.will_page_break(34):
            self.pdf.add_page()
        self.pdf.ln(4 if level else 6)
        self.pdf.start_section(title, level)
        self.pdf.set_font("DejaVu", "B", 10.5 if level else 13)
        self.pdf.multi_cell(0, 6, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self.pdf.ln(1)

    def _text(self, text: str, size: float = 8.5) -> None:
        self.pdf.set_font("DejaVu", size=size)
        self.pdf.multi_cell(0, size * 0.52, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self.pdf.ln(1)

    def _table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[float],
        *,
        texts: int = 1,
        small: bool = False,
    ) -> None:
        """texts: how many of the first columns are words; numbers stand to the right."""
        if not rows:
            self._text(self.t("no_data"))
            return
        self.pdf.set_font("DejaVu", size=7.5 if small else 8.5)
        self.pdf.set_fill_color(255, 255, 255)  # rows are filled with whatever was used last
        with self.pdf.table(
            col_widths=tuple(widths),
            text_align=tuple("LEFT" if n < texts else "RIGHT" for n in range(len(head))),
            headings_style=FontFace(emphasis=TextEmphasis.B, fill_color=HEAD, color=INK),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=4.2 if small else 5,
            width=sum(widths),
            align="L",
            padding=0.6,
        ) as table:
            for row in (head, *rows):
                table.row(row)
        self.pdf.ln(2)

    def _chart(
        self,
        labels: Sequence[str],
        bars: Sequence[float],
        line: Sequence[float] | None,
        names: Sequence[str],
        what: str,
    ) -> None:
        """Bars, and a line before them."""
        pdf, (width, height) = self.pdf, _CHART
        if pdf.will_page_break(height + 16):
            pdf.add_page()
        left, top = pdf.l_margin + 12, pdf.get_y() + 2
        wide, step = width - 12, (width - 12) / max(len(labels), 1)
        most = nice(max(bars, default=0))
        pdf.set_font("DejaVu", size=6.5)
        for n in range(5):
            y = top + height - height * n / 4
            pdf.set_draw_color(*LINE)
            pdf.line(left, y, left + wide, y)
            pdf.set_xy(pdf.l_margin, y - 1.5)
            pdf.cell(11, 3, self.t.figure(most * n / 4, 0 if most >= 8 else 1 if most >= 2 else 2), align="R")
        pdf.set_fill_color(*ACCENT)
        for n, value in enumerate(bars):
            tall = height * value / most
            pdf.rect(left + step * (n + 0.15), top + height - tall, step * 0.7, tall, style="F")
        if line:
            pdf.set_draw_color(*OK)
            pdf.set_line_width(0.6)
            places = [(left + step * (n + 0.5), top + height - height * v / most) for n, v in enumerate(line)]
            pdf.polyline(places)
            pdf.set_line_width(0.2)
        every = -(-len(labels) // 16)
        for n, label in enumerate(labels):
            if n % every == 0:
                pdf.set_xy(left + step * (n + 0.5) - 6, top + height + 0.8)
                pdf.cell(12, 3, label, align="C")
        pdf.set_xy(left, top + height + 4.5)
        self._legend(names)
        pdf.set_xy(pdf.l_margin, top + height + 9)
        pdf.set_draw_color(*LINE)
        self._text(self.t("pdf_chart", what=what), 7)

    def _legend(self, names: Sequence[str]) -> None:
        pdf = self.pdf
        for name, colour in zip(names, (ACCENT, OK), strict=False):
            pdf.set_fill_color(*colour)
            pdf.rect(pdf.get_x(), pdf.get_y() + 0.6, 3, 2, style="F")
            pdf.set_x(pdf.get_x() + 4)
            pdf.cell(pdf.get_string_width(name) + 6, 3, name)


def nice(most: float) -> float:
    """The end of an axis: 1, 2, 4 or 8 times a power of ten, not below `most`."""
    end = 1.0
    while end < most:
        end *= 10
    return next((end / 10 * n for n in (1, 2, 4, 8) if end / 10 * n >= most), end) if most > 0 else 1.0
