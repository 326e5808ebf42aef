"""What callers say about themselves is hidden from those who need not know it.

Rules: hidden are numbers of four digits or more (accounts, telephones, cards, documents), however they are spoken;
names after words that announce one; streets, houses and flats; addresses of mailboxes, written
or spoken.  A word is hidden or left as
it is: as many words go out as came in, so that times of words stay true and sound can be masked at the same places.
What is hidden once stays so, and hiding again changes nothing.  In doubt it is hidden.

Theory: no dictionary is needed, only forms: number words of Ukrainian, Russian and English in all their cases, and a
few words that announce the rest.  So whoever reads a transcript pays nothing for it.  What it can't do: a name that
nobody announced ("Petrenko here") and a place told without "street" or "house" stay readable; the right to see
transcripts is therefore a right of its own, masked or not.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

HIDDEN: Final = "•••"
"""Stands for a hidden word."""

LONG: Final = 4
"""Digits, or number words, from which on a number is hidden."""

PAUSES: Final = 3
"""Words like "then" and "er" that may stand between two numbers without ending them."""

NAMES: Final = 3
"""Words of a name, or of a street's: first, patronymic, last."""


class Personal(StrEnum):
    """What is hidden."""

    NUMBER = "number"
    NAME = "name"
    ADDRESS = "address"
    MAILBOX = "mailbox"


def personal(words: Sequence[str]) -> tuple[Personal | None, ...]:
    """For each word what it is; None: nothing that has to be hidden.

    words: in the order in which they were said, punctuation and digits allowed.
    """
    said = [_plain(word) for word in words]
    found: list[Personal | None] = [None] * len(said)
    for kind, places in (
        (Personal.MAILBOX, (k for k, word in enumerate(words) if "@" in word)),
        (Personal.MAILBOX, _mailboxes(words, said)),
        (Personal.ADDRESS, _addresses(said)),
        (Personal.NAME, _names(said)),
        (Personal.NUMBER, _numbers(said)),
    ):
        for k in places:
            found[k] = kind
    return tuple(kind if word != HIDDEN else None for kind, word in zip(found, words, strict=True))


def is_number(word: str) -> bool:
    """Whether it is a number, or a part of one: digits, or a number word in any of its forms."""
    return bool(_sizes(_plain(word)))


def masked(words: Sequence[str]) -> tuple[str, ...]:
    """The words, with `HIDDEN` in place of what is personal."""
    return tuple(HIDDEN if kind else word for word, kind in zip(words, personal(words), strict=True))


def masked_text(text: str) -> str:
    """A text with `HIDDEN` in place of what is personal; what stands between the words stays."""
    parts = re.split(r"(\s+)", text)
    parts[::2] = masked(parts[::2])
    return "".join(parts)


def masked_phone(number: str) -> str:
    """A telephone number, of which the operator's code and the last two digits stay.

    >>> masked_phone("+380671234567")
    '+38067*****67'
    """
    keep = 6 if number.startswith("+380") else 0
    return number[:keep] + "*" * max(len(number) - keep - 2, 0) + number[-2:]


def masked_account(number: str) -> str:
    """An account's number, of which the first and the last two digits stay.

    >>> masked_account("1000000018")
    '10******18'
    """
    return number[:2] + "*" * max(len(number) - 4, 0) + number[-2:] if len(number) > 4 else "*" * len(number)


# Numbers

_ANY: Final = r"(?:ий|ый|ой|а|ая|е|ое|ого|ому|у|ую|ій|ою|им|ым|ім|ом|их|ых|і|ые)"
"""Endings of adjectives: ordinals are said in dates, houses and floors."""

_ZERO: Final = r"нул\w{0,3}|нол\w{0,3}|zero\w{0,2}|oh"
_UNIT: Final = (
    rf"од[ие]н|одн(?:{_ANY}|о|и|ими)|пер(?:в|ш){_ANY}|втор{_ANY}|друг{_ANY}"
    r"|дв(?:а|і|е|ое|оє|ох|ом|ум|ух|ома|умя)|тр(?:и|ое|оє|ьох|ьом|ьома|ем|ех|емя)|трет(?:і|и|ь)?\w{1,4}"
    rf"|чотир(?:и|ьох|ьом|ьома)|четыр(?:е|ех|ем|ьмя)|четверт{_ANY}|п'?ят(?:ь|и|ьма|ьох|ьом|ью|{_ANY})"
    rf"|шіст(?:ь|ьма|ьох|ьом)|шести|шост{_ANY}|шест(?:ь|ью|ьох|ьом|{_ANY})"
    rf"|сім(?:ома|ох|ом)?|семи|сем(?:ь|ью|ьома|ьох|ьом)|сьом(?:и|{_ANY})|седьм{_ANY}"
    rf"|вісім|вісьм(?:ома|ох|ом|и)|восьм(?:и|ью|{_ANY})|восем(?:ь|ью)|дев'?ят(?:ь|и|ьма|ьох|ьом|ью|{_ANY})"
    r"|[оє]?д?ини(?:ц|чк)\w{0,3}|едини(?:ц|чк)\w{0,3}|дв[оі]й?[екц]\w{0,2}|тр[оі][йе]?[екц]\w{0,2}"
    r"|четв[іе]р[кц]\w{0,2}|п'?ят[іе]р[кцо]\w{0,2}|ш[іе]ст[іе]?р?[кцо]\w{0,2}|с[іе]м[іе]?р?к\w{1,2}"
    r"|в[іо]с[іь]м[іе]?р?к\w{1,2}|дев'?ят[кцо]\w{0,2}|подв[ій]+н\w+|удвоен\w+|двічі|дважды|тричі|трижды"
    r"|one|two|three|four|five|six|seven|eight|nine|double|triple"
    r"|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
)
_TEEN: Final = (
    rf"(?:оди|дв[аеі]|три|чотир|четыр|п'?ят|шіст|шест|сім|сем|вісім|восем|дев'?ят)н?надц[ая]т\w{{1,4}}"
    rf"|десят(?:ь|и|ьма|ьох|ью|{_ANY})|десятк\w{{1,2}}"
    r"|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen(?:th)?|tenth|eleventh|twelfth"
)
_TEN: Final = (
    r"(?:два|три)дц[ая]т\w{1,4}|сорок(?:а|ов\w{1,4})?|дев'?ян[оі]ст\w{0,4}"
    r"|(?:п'?ят|шіст|шест|сім|сем|вісім|восем|пяти|шести|семи|восьми)ь?ю?д[ие]с[ія]т\w{0,5}"
    r"|(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet)(?:y|ieth)"
)
_HUNDRED: Final = (
    rf"сто|ста|сот(?:{_ANY}|ня|ні|ню|нею|ни|ен|ею)?|двіст\w{{0,3}}|двест\w{{0,3}}|трист\w{{0,3}}"
    r"|(?:двох|двух|трьох|трех|чотирьох|четырех|чотири|четыре|двум|трем|четырем|двумя|тремя|четырьмя)с[то]\w{1,4}"
    r"|(?:п'?ят|шіст|шест|сім|сем|вісім|восем|восьм|дев'?ят)(?:и|ь|ью|ьма)?сот\w{0,4}"
    r"|(?:п'?ят|шест|сем|восьм|восем|дев'?ят)(?:и|ь|ью)?ст\w{1,3}|hundred(?:th|s)?"
)
_SCALE: Final = (
    r"тисяч\w{0,4}|тысяч\w{0,4}|тищ[аі]|\w*тисячн\w{1,3}|\w*тысячн\w{1,3}|(?:мільйон|миллион|мільярд|миллиард)\w{0,4}"
    r"|(?:thousand|million|billion)(?:th|s)?"
)
_SIZES: Final = tuple(
    (size, re.compile(forms))
    for size, forms in ((0, _ZERO), (1, _UNIT), (2, _TEEN), (20, _TEN), (3, _HUNDRED), (4, _SCALE))
)
_DIGITS: Final = re.compile(r"\d")
_BETWEEN: Final = frozenset(
    (
        *("ну", "е", "ее", "еее", "э", "ээ", "эээ", "м", "мм", "ммм", "ем", "гм", "угу", "ага", "ось", "вот", "так"),
        *("да", "ні", "нет", "не", "ой", "і", "й", "и", "та", "а", "потім", "потом", "далі", "дальше", "ще", "еще"),
        *("раз", "рази", "раза", "тире", "дефіс", "дефис", "пробіл", "пробел", "кома", "крапка", "точка"),
        *("запятая", "слеш", "дріб", "дробь", "плюс", "значить", "значит", "тобто", "то", "есть", "є", "це", "это"),
        *("знову", "снова", "опять", "номер", "цифра", "цифри", "цифры", "and", "then", "dash", "plus", "unk", ""),
    )
)


def _numbers(said: Sequence[str]) -> Iterator[int]:
    """The places of long numbers, with what is said between their words."""
    run: list[int] = []
    for k, word in enumerate([*said, HIDDEN]):
        if k < len(said) and _sizes(word):
            run.append(k)
        elif run and (word == HIDDEN or word not in _BETWEEN or k - run[-1] > PAUSES):
            if len(run) >= LONG or _length([size for each in run for size in _sizes(said[each])]) >= LONG:
                yield from range(run[0], run[-1] + 1)
            run = []


def _sizes(word: str) -> list[int]:
    """What numbers a word holds: 0 for zero and what is written as a digit, 1 for one to nine, 2 for 10 to 19, 20 for
    tens, 3 for hundreds, 4 for thousands and more; empty when it isn't all numbers."""
    if _DIGITS.search(word):
        return [0] * len(_DIGITS.findall(word))
    sizes: list[int] = []
    for part in word.split("-"):
        size = next((size for size, forms in _SIZES if forms.fullmatch(part)), None)
        if size is None:
            return []
        sizes.append(size)
    return sizes


def _length(sizes: Sequence[int]) -> int:
    """Of so many digits is the number: "hundred twenty five" of three, "twenty zero five" of four."""
    digits, room = 0, 0  # room: for how many of the digits counted last a smaller number may still stand
    for size in sizes:
        long = {0: 1, 1: 1, 2: 2, 20: 2, 3: 3, 4: 4}[size]
        if size == 4:
            digits, room = digits + 3 if digits else 4, 3
            continue
        if size == 0 or long > room:
            digits += long
        room = long - 1 if size in (20, 3) else 0
    return digits


# Names and addresses

_ANNOUNCE: Final = re.compile(
    r"звати|зовут|звуть|зватимуть|прізвищ\w{1,3}|фамил(?:ия|ию|ии|ією|ией|ія|ію)|ім'я|имя|по-батькові|батькові"
    r"|отчеств[оауе]"
    r"|surname|name"
)
_STREET: Final = re.compile(
    r"вулиц\w{1,3}|вул|улиц\w{1,3}|ул|проспект\w{0,3}|просп|провул\w{1,4}|переул\w{1,4}|бульвар\w{0,3}|шосе|шоссе"
    r"|набережн\w{1,3}|узвіз|узвозу|узвозі|мікрорайон\w{0,3}|микрорайон\w{0,3}|street|avenue"
)
_HOUSE: Final = re.compile(
    r"будин\w{1,4}|буд|дом|дома|дому|доме|хата|хати|квартир\w{0,4}|кв|корпус\w{0,3}|п[оі]д[ъ']?[їе]зд\w{0,3}"
    r"|апартамент\w{0,3}"
    r"|house|flat|apartment"
)
_ADJECTIVE: Final = re.compile(
    r"\w{2,}(?:с|з|ц)[ьк]?(?:ка|кої|кій|ку|кою|кая|кой|кую|ом|кий|кому|кого|ком)|\w{3,}(?:ова|овій|ової|овая|овой)"
)
_LINKS: Final = frozenset(
    {"моє", "моя", "мій", "мое", "мой", "це", "это", "буде", "будет", "номер", "is", "my", "мене", "меня", ""}
)
_ENDS: Final = frozenset(
    (
        *("я", "ми", "мы", "ви", "вы", "він", "вона", "он", "она", "вони", "они", "мені", "мне", "мене", "меня"),
        *("нас", "у", "в", "во", "на", "по", "з", "із", "зі", "с", "со", "від", "от", "до", "за", "під", "под"),
        *("біля", "возле", "і", "й", "и", "а", "але", "но", "та", "що", "что", "чтобы", "щоб", "бо", "як", "как"),
        *("коли", "когда", "де", "где", "там", "тут", "здесь", "ось", "вот", "не", "ні", "нет", "немає", "нема"),
        *("є", "есть", "живу", "живем", "проживаю", "телефоную", "дзвоню", "звоню", "хочу", "прошу", "можу", "могу"),
        *("маю", "имею", "договір", "договор", "рахунок", "счет", "світло", "світла", "свет", "света", "адреса"),
        *("адрес", "телефон", "and", "i"),
    )
)


def _names(said: Sequence[str]) -> Iterator[int]:
    for k, word in enumerate(said):
        if _ANNOUNCE.fullmatch(word):
            yield from _following(said, k + 1)


def _addresses(said: Sequence[str]) -> Iterator[int]:
    for k, word in enumerate(said):
        if _STREET.fullmatch(word):
            if k and _ADJECTIVE.fullmatch(said[k - 1]) and said[k - 1] not in _ENDS:
                yield k - 1
            named = list(_following(said, k + 1))
            yield from named
            yield from _counted(said, (named[-1] if named else k) + 1)
        elif _HOUSE.fullmatch(word):
            start = k + 1
            while start < len(said) and said[start] in _LINKS:
                start += 1
            yield from _counted(said, start)
            before = k - 1
            while before >= 0 and _sizes(said[before]):
                yield before
                before -= 1


def _following(said: Sequence[str], start: int) -> Iterator[int]:
    """The words of a name that begins here, at most."""
    left = NAMES
    for k in range(start, len(said)):
        word = said[k]
        if word == HIDDEN or not left or word in _ENDS - _LINKS or _HOUSE.fullmatch(word) or _STREET.fullmatch(word):
            return
        if word in _LINKS:
            continue
        left -= 1
        yield k


def _counted(said: Sequence[str], start: int) -> Iterator[int]:
    """The number that begins here, and the letter after it ("12 а")."""
    k = start
    while k < len(said) and _sizes(said[k]):
        yield k
        k += 1
    if start < k < len(said) and len(said[k]) == 1 and said[k].isalpha() and said[k] not in _ENDS - {"а"}:
        yield k


# Mailboxes that are spoken: "ivan dot koval at gmail dot com"

BOX: Final = 8
"""Words of a mailbox before its "at", at most."""
APART: Final = 3
"""Words from one sign of a mailbox to the next, at most."""

_AT: Final = re.compile(r"собак\w{1,2}|собачк\w{1,2}|равлик\w{0,2}|песик\w{0,2}|ет|эт|at")
_DOT: Final = re.compile(r"крап(?:к|очк)\w{1,2}|точ(?:к|ечк)\w{1,2}|дот|dot")
_SERVICE: Final = re.compile(
    r"g-?mail|[гдж]{1,2}и?-?м[еэє]й?л|дж[иі]-?майл|укр-?н[еє]т|ukr-?net|укр|ukr|mail|мейл|мэйл|майл|yahoo|яху|outlook"
    r"|аутлук|hotmail|хотмейл|icloud|айклауд|yandex|яндекс|protonmail|протонмейл|i\.?ua|мета|meta|рамблер|bigmir"
    r"|бігмір|бигмир"
)
_ZONE: Final = re.compile(r"ком|com|юа|ю-?ей|ua|орг|org|нет|нєт|net|ру|ru|інфо|инфо|info|бел|еу|eu|біз|биз|biz")
_WRITE: Final = re.compile(
    r"(?:на)?пиш\w{1,4}|(?:при|над|ві|от)[іы]?[сш]\w{2,6}|пошт\w{1,3}|почт\w{1,3}|електронн\w{1,3}|электронн\w{1,3}"
    r"|скриньк\w{1,2}|ящик\w{0,2}|[іие]-?м[еэ]йл\w{0,2}|e-?mail|mailbox|адрес\w{0,3}|address|is|my|to|такий|такая|така"
)
"""Stands before a mailbox, not in it."""


def _mailboxes(words: Sequence[str], said: Sequence[str]) -> Iterator[int]:
    """From the pause, or the clause, before a spoken mailbox to its last sign.

    "At" is a dog in Ukrainian and Russian: one in the yard is told from that of a mailbox by a dot, or by what
    mailboxes end with.  Who leaves the dog out says a service and what it ends with.
    """
    for k, word in enumerate(said):
        if _AT.fullmatch(word):
            first, last = _before(words, said, k), _after(words, said, k)
            if last > k or any(_DOT.fullmatch(one) for one in said[first:k]):
                yield from range(first, last + 1)
        elif _SERVICE.fullmatch(word) and (last := _after(words, said, k)) > k:
            yield from range(_before(words, said, k), last + 1)


def _before(words: Sequence[str], said: Sequence[str], k: int) -> int:
    """Where the mailbox begins that has its "at" here.  Single letters spell it: they are no words that end it."""
    first = k
    while first > max(0, k - BOX) and not _parted(words, said, first - 1):
        word = said[first - 1]
        if word == HIDDEN or (word in _ENDS and len(word) > 1) or _WRITE.fullmatch(word):
            break
        first -= 1
    return first


def _after(words: Sequence[str], said: Sequence[str], k: int) -> int:
    """The last word of the mailbox that has its "at" here; the "at" itself if nothing there is of a mailbox."""
    last = at = k
    while at + 1 < len(said) and at - last < APART and said[at + 1] != HIDDEN and not _parted(words, said, at):
        at += 1
        before = said[at - 1]
        ends = _ZONE.fullmatch(said[at]) and (_DOT.fullmatch(before) or _SERVICE.fullmatch(before))
        # "нет" is "no", and much that a zone is called means something else
        if ends or _DOT.fullmatch(said[at]) or (_SERVICE.fullmatch(said[at]) and last == k):
            last = at
            if _DOT.fullmatch(said[at]) and at + 1 < len(said) and said[at + 1] != HIDDEN:
                last = at + 1
    return last


def _parted(words: Sequence[str], said: Sequence[str], k: int) -> bool:
    """Whether a clause ends with this word: marks between what is dictated are pauses in a mailbox, not its end."""
    if not words[k].endswith((",", ".", ";", ":", "!", "?", "…")):
        return False
    return not any(_AT.fullmatch(one) or _DOT.fullmatch(one) for one in said[k : k + 2])


_EDGES: Final = re.compile(r"^[^\w+•]+|[^\w•]+$")
_MARKS: Final = str.maketrans({**dict.fromkeys("’ʼ`´", "'"), **dict.fromkeys("–—", "-"), "ё": "е"})


def _plain(word: str) -> str:
    return _EDGES.sub("", word.casefold().translate(_MARKS))
