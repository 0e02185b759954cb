"""The vocabulary: names, nouns by kind of thing, adjectives, adverbs.

In every list the words after the bar `|` are held out of the training split. Many words are in two
lists on purpose (`watch`, `record`, `light`, `Jordan`, `bank`): what they are depends on the
sentence.
"""

from __future__ import annotations

from tools.sample.verbs import GROUPS, parse_verb, s_form

NAMES = {
    "f": """Mara Priya Rosa Dana Lena Nadia Amara Ingrid Yuki Leila Chioma Sofia Beth Anna Carla
        Noor Mei Tamar Freya Imani Paloma Greta Zainab Hana Olga Lucia Esther Ayesha Ruth Clara
        Wanda Nina Marta Fatima Jade Rose Grace Hope Dawn June April Faith Joy Iris Olive Pearl
        Amber Paris Chelsea Sydney Florence Victoria Georgia Charlotte Madison Savannah | Thandi
        Brigid Soraya Mireille Ines Kavita Ivy Violet Daisy Adelaide Vienna Alma""",
    "m": """Sami Omar Ivan Kofi Diego Hugo Ravi Tomas Emeka Jamal Pablo Felix Kenji Oskar Luca Musa
        Anton Bruno Chen Dario Edgar Farid Gustav Hamid Isaac Jonas Karim Leon Mateo Nils Pavel
        Rafael Simon Viktor Yusuf Mark Will Frank Bill Art Miles Grant Chase Rob Jack Jordan
        Austin Lincoln Jackson Hudson Preston Chester Carson Dallas Devon | Anselm Babak Cyril
        Duarte Tunde Wojtek Drew Wade Cliff Troy Orlando Lamar""",
}
PLACES = """Jordan Austin Lincoln Jackson Hudson Preston Chester Dallas Devon Paris Chelsea Sydney
        Florence Victoria Georgia Charlotte Madison Savannah Lisbon Oslo Cairo Lagos Lima Osaka
        Tunis Geneva Nairobi Amazon Orchard Phoenix Aurora Meadow Summit Harbor Wells Mobile
        Reading Bath Nice | Troy Orlando Adelaide Vienna Riga Dakar Quito Bristol Lamar Sierra"""
COMPANIES = """Orchard Granite Phoenix Aurora Meadow Summit Harbor Beacon Anchor Falcon Lantern
        Pioneer Chelsea Lincoln Hudson Victoria Jordan Preston Madison Atlas Horizon Compass Carson
        Wells Marker Pebble Ridge Sage | Sierra Bristol Troy Vienna Juniper Ember Cliff Lamar Ivy"""

# kind of thing -> (entity type, nouns)
NOUNS = {
    "person": (
        "person",
        """teacher engineer nurse baker farmer driver guard cook guide judge coach pilot clerk
        painter singer sailor tailor doctor lawyer writer gardener neighbor student visitor
        ranger potter weaver porter editor scout host model dancer actor waiter builder hunter
        runner trader reporter patient runner secretary star | carpenter violinist chemist
        surgeon librarian plumber tutor usher page groom barber""",
    ),
    "female": ("person", "woman girl | lady"),
    "male": ("person", "man boy | gentleman"),
    "kinswoman": ("person", "sister aunt daughter niece mother | grandmother"),
    "kinsman": ("person", "brother uncle son nephew father | grandfather"),
    "animal": (
        "animal",
        """dog cat horse goat cow duck goose parrot pony hen rabbit fox bear seal crane bat mouse
        fly swallow fish chicken lamb pig jaguar | donkey badger turkey kitten ram hawk""",
    ),
    "text": (
        "object",
        """letter book note report story record map file poem novel paper message article sign card
        list script speech | diary leaflet contract draft manual""",
    ),
    "thing": (
        "object",
        """watch ring lamp bag coin key camera clock radio bell hammer brush mirror vase cup plate
        bowl basket blanket hat coat scarf umbrella ladder rope kite drum guitar violin doll
        knife net crane mouse bat phone stamp frame light tape match label mask pipe saw |
        lantern wallet pillow bucket flute pin clip trap""",
    ),
    "opening": (
        "object",
        """door window gate box drawer suitcase trunk chest cupboard cabinet safe lock case jar |
        hatch shutter crate""",
    ),
    "surface": (
        "object",
        "table shelf desk bench counter floor chair bed stage | stool mantel rack",
    ),
    "vehicle": (
        "object",
        "car boat truck van train bike bus ship cart tractor plane | canoe ferry scooter",
    ),
    "food": (
        "substance",
        """soup stew cake bread pie salad rice pasta fish chicken duck lamb cheese butter toast
        fruit | curry porridge omelet roast turkey""",
    ),
    "liquid": ("substance", "water milk paint oil tea coffee juice ink | syrup cream"),
    "extra": (
        "substance",
        """mushrooms onions beans olives peppers herbs nuts carrots potatoes | lentils raisins""",
    ),
    "utensil": ("object", "spoon fork knife ladle | chopstick"),
    "art": (
        "object",
        """painting drawing picture photograph portrait sketch print film recording carving |
        sculpture mural""",
    ),
    "building": (
        "object",
        "house barn fence wall bridge shed roof building tower dam | chimney cottage porch",
    ),
    "plant": ("plant", "rose tree tulip hedge vine fern bush plant palm | orchid cactus elm"),
    "event": (
        "event",
        """meeting wedding concert race party match play show dance lesson contest parade game
        dinner trial visit march talk drive walk swim trip hike fight sale test search | banquet
        festival debate feast run""",
    ),
    "idea": (
        "abstract",
        """plan answer question promise offer request reason doubt secret idea order reply call
        demand change repair delay report name trade | claim remark proposal""",
    ),
    "spot": (
        "place",
        """garden kitchen park market station harbor village yard forest field square office
        workshop river lake beach farm corner port street tunnel bank hill | meadow canyon
        cellar orchard ranch""",
    ),
    "house": (
        "org",
        """museum school bank library theater hospital hotel bakery factory club court office
        church bar court | clinic academy gallery""",
    ),
    "team": (
        "organization",
        "company team band crew council firm press board staff | guild choir agency",
    ),
    "daytime": (
        "time",
        "morning afternoon evening summer winter spring fall autumn | twilight fortnight",
    ),
    "clock": ("time", "noon dawn dusk midnight sunset night | daybreak nightfall"),
    "day": ("time", "Monday Tuesday Wednesday Thursday Friday Saturday | Sunday"),
    "length": ("time", "hour week month year day minute | decade"),
    "manner": (
        "",
        """silence secret haste anger public private detail person tears earnest | despair
        triumph""",
    ),
    "care": (
        "",
        """care patience skill pride joy ease delight pleasure fear hope interest | caution
        zeal""",
    ),
    "means": ("", "hand train boat phone car mail mistake chance bus | ferry accident"),
    "part": ("object", "lid handle scratch label stripe crack mark stain cover | dent rim"),
    "wear": ("object", "hat coat scarf bag watch ring mask umbrella | wallet cape"),
    "topic": (
        "abstract",
        """horses music trade love history space gold work art painting cooking sailing farming
        dancing fishing reading hunting | poetry medicine weaving""",
    ),
}
HYPERNYMS = {
    "animal": "animal creature",
    "vehicle": "vehicle machine",
    "text": "document text",
    "food": "dish meal",
    "art": "work piece",
    "event": "event occasion",
    "thing": "object item",
    "building": "structure building",
    "house": "place institution",
    "team": "group organization",
    "spot": "place area",
    "plant": "plant",
    "idea": "matter subject",
}
PLURALS = {
    "woman": "women", "man": "men", "gentleman": "gentlemen", "mouse": "mice", "goose": "geese",
    "knife": "knives", "shelf": "shelves", "fish": "fish", "sheep": "sheep",
}  # fmt: skip

ADJECTIVES = {
    "person": """tall young old kind patient quiet calm clever tired honest proud shy brave cold
        fair short cheerful gentle busy lucky | stern weary witty frail""",
    "mood": """tired angry happy late ready sick free proud calm cold sad right busy hungry nervous
        alone | weary anxious""",
    "animal": "old young small gray brown hungry wild tame lame quiet fast spotted | plump agile",
    "thing": """red old new heavy small light broken empty blue green cheap clean dry plain square
        wooden tiny lovely strange secret silver orange worn painted used stolen open warm |
        brittle shiny velvet cracked""",
    "fixture": """red old new heavy small light empty blue green cheap clean dry plain square wooden
        tiny lovely strange secret silver orange open narrow warm | dusty sturdy crooked""",
    "state": "empty open clean dry heavy broken light warm cold clear new free | dusty brittle",
    "food": "warm cold fresh dry sweet cool salty light frozen burned | bland spicy",
    "spot": "quiet cold narrow crowded old public open dark empty busy | shady remote",
    "organization": "small old new local private large public | rival regional",
    "event": "long short public secret early late annual open dull final | lively solemn",
    "idea": "new clever simple secret strange clear fair final early plain | bold vague",
}
COMPARATIVES = {
    "person": "older younger taller faster calmer kinder stronger | wiser",
    "thing": "older newer heavier lighter smaller cheaper cleaner | sturdier",
}
COMPOUNDS = """kitchen garden office school market station iron farm village theater stone glass
        gold | cellar marble"""
OUTDOORS = frozenset(
    """river lake hill beach corner bank square bridge""".split()  # noqa: SIM905
)  # by or on, not in
LIKENESSES = "fish bird fool hero machine child clock fox king ghost queen | hawk eagle"
ADVERBS = {
    "event": "suddenly slowly quickly quietly | abruptly",
    "opening": "soon later now then often | afterwards",
    "before": """carefully quickly slowly quietly gently proudly gladly calmly secretly | nervously
        swiftly""",
    "manner": """carefully quickly slowly quietly gently proudly fast hard well happily badly gladly
        calmly secretly | nervously swiftly straight""",
    "time": "soon later again now early late often then | afterwards daily",
    "place": "outside inside upstairs there nearby | indoors abroad",
}


def _ambiguous() -> frozenset[str]:
    """The words that are both a noun and a verb, or an adjective and one of these."""
    verbs = {parse_verb(v).lemma for g in GROUPS.values() for v in g.verbs.split()}
    nouns = {w for _, words in NOUNS.values() for w in words.split()}
    adjectives = {w for words in ADJECTIVES.values() for w in words.split()}
    return frozenset((verbs & nouns) | (verbs & adjectives) | (nouns & adjectives))


def split_list(text: str) -> tuple[list[str], list[str]]:
    """The words before and after the bar."""
    known, _, held_out = text.partition("|")
    return known.split(), held_out.split()


def plural(noun: str) -> str:
    """The plural of a noun."""
    return PLURALS.get(noun) or s_form(noun)


def article(following: str) -> str:
    """`a` or `an` before the following word."""
    if following.startswith(("uni", "use", "one", "eu")):
        return "a"
    return (
        "an" if following[0].lower() in "aeiou" or following.startswith(("hour", "honest")) else "a"
    )


AMBIGUOUS = _ambiguous()
