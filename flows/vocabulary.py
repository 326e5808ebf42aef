"""What callers say for the choices of our questions, in the languages of the product.

Rules: what people really call a thing, not what we do; every choice can also be said by the number of its key
(`ivr.dialog.vocabulary`).  A phrase means one choice of its question only, which is checked when a menu is made.
Words that a model does not know are never heard (`ivr models` tells which): keys and numbers always work.  So danger
has many words, among them those of the small model that comes along: fire, smoke, firemen.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from domain.model import Language, OrderKind, OutageKind, ReplyBy, RequestKind, Topic
from ivr.dialog.vocabulary import Vocabulary

Sayings: TypeAlias = Mapping[Any, Vocabulary]


def said(uk: str, ru: str, en: str) -> Vocabulary:
    """Phrases of one meaning, with commas between them."""
    return {
        language: tuple(phrase.strip() for phrase in phrases.split(","))
        for language, phrases in (("uk", uk), ("ru", ru), ("en", en))
    }


READING: Final = said(
    "показання, показники, передати показання, передати показники, показник, лічильник",
    "показания, передать показания, показание, счётчик",
    "reading, readings, meter reading, give a reading, meter",
)
OUTAGE: Final = said(
    "немає світла, нема світла, світла немає, світло, аварія, відключення, вимкнули світло, провід упав, обірвався "
    "провід, дріт, іскрить, горить, пожежа, вогонь, дим, пожежник, небезпека",
    "нет света, света нет, свет, авария, отключение, отключили свет, упал провод, оборвался провод, провод, искрит, "
    "горит, пожар, огонь, дым, пожарный, опасность",
    "no power, power cut, no light, outage, danger, fallen wire, fire, smoke, sparks, emergency",
)
COMPLAINT: Final = said(
    "скарга, залишити скаргу, поскаржитися, звернення, запитання, питання, пропозиція",
    "жалоба, оставить жалобу, пожаловаться, обращение, вопрос, предложение",
    "complaint, complain, question, suggestion",
)
ORDER: Final = said(
    "послуга, замовити послугу, замовлення", "услуга, заказать услугу, заказ", "service, order, order a service"
)
BILL: Final = said("рахунок, борг, баланс, оплата", "счёт, долг, баланс, оплата", "bill, balance, debt, payment")
STATUS: Final = said(
    "стан звернення, моє звернення, номер звернення", "моё обращение, номер обращения", "my request, status"
)
HOURS: Final = said("години роботи, графік роботи", "часы работы, график работы", "opening hours, hours")
LANGUAGE: Final = said("мова, змінити мову", "язык, сменить язык", "language, change language")

LANGUAGES: Final[Sayings] = {
    Language.UK: said("українська, українською", "украинский, по украински", "ukrainian"),
    Language.RU: said("російська, російською", "русский, по русски", "russian"),
    Language.EN: said("англійська, англійською", "английский, по английски", "english"),
}

KINDS: Final[Sayings] = {
    RequestKind.COMPLAINT: said(
        "скарга, залишити скаргу, поскаржитися", "жалоба, оставить жалобу, пожаловаться", "complaint, complain"
    ),
    RequestKind.SUGGESTION: said("пропозиція, запропонувати", "предложение, предложить", "suggestion, suggest"),
    RequestKind.QUESTION: said("запитання, питання, запитати", "вопрос, спросить", "question, ask"),
}

TOPICS: Final[Sayings] = {
    Topic.INTERRUPTIONS: said(
        "відключення, вимикають світло, вимикання", "отключение, отключения, отключают свет", "power cuts, outages"
    ),
    Topic.QUALITY: said(
        "напруга, слабке світло, світло блимає, блимає, якість",
        "напряжение, слабый свет, свет мигает, мигает, качество",
        "voltage, weak light, flicker, quality",
    ),
    Topic.METERING: said("лічильник, показання, показники", "счётчик, показания", "meter, readings"),
    Topic.BILLING: said(
        "рахунок, рахунки, борг, тариф, оплата, нарахування",
        "счёт, счета, долг, тариф, оплата, начисление",
        "bill, bills, debt, tariff, payment",
    ),
    Topic.CONNECTION: said("підключення, приєднання", "подключение, присоединение", "connection"),
    Topic.SERVICE: said("обслуговування", "обслуживание", "service, staff"),
    Topic.SUPPLY: said("опора, стовп, лінія, лінії", "опора, столб, линия, линии", "pole, line, lines"),
    Topic.OTHER: said("інше, щось інше", "другое, что то другое", "something else, other"),
}

URGENT: Final = said(
    "немає світла, нема світла, світла немає, аварія, провід упав, обірвався провід, дріт, іскрить, горить, пожежа, "
    "вогонь, дим, пожежник, горить лічильник, небезпека",
    "нет света, света нет, авария, упал провод, оборвался провод, провод, искрит, горит, пожар, огонь, "
    "дым, пожарный, горит счётчик, опасность",
    "no power, no light, emergency, danger, fallen wire, fire, smoke, burning meter, sparks",
)
"""Said where a topic is asked for, and no topic: it can't wait."""

TOLD_HEAR: Final = said("прослухати, послухати", "прослушать, послушать", "listen, hear")
TOLD_AGAIN: Final = said("розповісти знову, заново, спочатку", "рассказать снова, заново, сначала", "tell it again")
TOLD_GO_ON: Final = said("далі, все гаразд, так, добре", "дальше, всё в порядке, да, хорошо", "go on, fine, yes")

OUTAGES: Final[Sayings] = {
    OutageKind.DANGER: said(
        "небезпека, горить, іскрить, провід упав, обірвався провід, дріт, пожежа, вогонь, дим, пожежник, аварія",
        "опасность, горит, искрит, упал провод, оборвался провод, провод, пожар, огонь, дым, пожарный, авария",
        "danger, fire, smoke, sparks, fallen wire, emergency",
    ),
    OutageKind.NO_SUPPLY: said(
        "немає світла, нема світла, світла немає, весь будинок, у всьому будинку, відключення",
        "нет света, света нет, весь дом, во всём доме, отключение",
        "no power, no light, the whole house",
    ),
    OutageKind.PARTIAL: said(
        "частково, у квартирі, лише у мене, тільки у мене", "частично, в квартире, только у меня", "only mine, partly"
    ),
}

ORDERS: Final[Sayings] = {
    OrderKind.REPLACE_METER: said(
        "замінити лічильник, заміна", "заменить счётчик, замена", "replace the meter, replacement"
    ),
    OrderKind.SET_UP_METER: said(
        "налаштувати лічильник, налаштування", "настроить счётчик, настройка", "set up the meter"
    ),
    OrderKind.SEAL: said("пломба, поставити пломбу, опломбувати", "пломба, поставить пломбу", "seal"),
    OrderKind.UNSEAL: said("зняти пломбу, розпломбувати", "снять пломбу", "unseal, remove the seal"),
    OrderKind.CONTROL_READING: said("зняти показники, зняти показання", "снять показания", "take a reading"),
    OrderKind.CONNECTION: said("підключення, підключитися", "подключение, подключиться", "connection, connect"),
}

REPLIES: Final[Sayings] = {
    ReplyBy.PHONE: said("телефон, телефоном", "телефон, по телефону", "telephone, phone"),
    ReplyBy.MESSENGER: said("месенджер, у месенджері", "мессенджер, в мессенджере", "messenger"),
    ReplyBy.POST: said("лист, листом, пошта, поштою", "письмо, письмом, почта, почтой", "letter, post"),
}
