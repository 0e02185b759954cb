"""What can happen: the plots, and the reasons people have."""

from __future__ import annotations

from tools.sample import verbs as vb

# Each plot: the kinds its letters stand for, then its steps. A, B and C are persons; a step in
# brackets may be left out.
PLOTS = (
    "X=thing,art,text: obtain A X | (inspect A X) | transfer A X B | (put B X S) | damage B X"
    " | winograd B A | repair A X",
    "X=thing,art,text: obtain A X C | carry A X P | (put A X S) | inspect B X | wait A X"
    " | transfer B X A | (weigh A I)",
    "X=opening: walk A P | open A X | happen X | inspect B X | harm B X | repair A X"
    " | winograd A B",
    "X=opening: inspect B X | repair A X | open A X | happen X | (please X B) | talk A X"
    " | winograd B A",
    "X=food: obtain A X | cook A X | cooking X | eat B X | speak B A | please X B | winograd A B",
    "X=vehicle: obtain A X C | drive A X P | driving X | harm B X | repair B X | winograd A B"
    " | go A P",
    "X=vehicle: have B X | repair A X | drive B X P | driving X | wait B A | transfer B X A"
    " | talk A X",
    "X=animal: have A X | tend A X | animal X | bite X B | tend B X | winograd A B | go A P",
    "X=animal: bite X A | tend B X | inspect A X | animal X | transfer B X A | social A B"
    " | please X A",
    "X=event: attend A X | social A B | walk B P | begin X | stay A | please X B | talk B X"
    " | winograd A B",
    "X=event: attend O X | social A B | begin X | wait A B | go B P | please X A | winograd B A",
    "X=text: read A X | transfer A X O | read B X | weigh B I | say A | speak B A | winograd A B",
    "X=text: obtain A X C | read A X | put A X S | look B X | talk B X | transfer A X B"
    " | please X B",
    "X=building,plant: look A X | inspect A X | repair B X | corporate O X | harm A X"
    " | talk B X | winograd B A",
    "X=plant: garden A X | look B X | garden B X | inspect A X | stay A | talk A X | winograd A B",
    "X=idea: weigh A X | speak A B | weigh B X | please X A | staff O B | tell A B | winograd B A",
    "X=art: have O X | look A X | corporate O X | staff O A | inspect B X | transfer O X B"
    " | please X B",
    "X=thing: have A X | have B T | obtain C X | inspect C T | damage C T | transfer C X A"
    " | switch B T | repair A T",
    "X=art,vehicle: have A X | have B T | inspect C T | obtain C X A | look B X | damage C T"
    " | talk A T",
    "X=animal: tend A X | tend B T | bite T A | animal X | please T B | inspect B X | winograd A B",
)
REASONS = (  # verb, conjunction, who the reason is about (1 the subject, 2 the object), the reason
    ("thank", "because", 2, "+help"), ("blame", "because", 2, "+lose X"),
    ("praise", "because", 2, "+win"),
    ("call", "because", 1, "want"), ("help", "because", 2, "tired"),
    ("trust", "because", 2, "honest"),
    ("visit", "because", 2, "sick"), ("comfort", "because", 2, "sad"),
    ("pay", "because", 2, "+repair X"),
    ("beg", "because", 1, "need X"), ("envy", "because", 2, "+win"),
    ("fear", "because", 2, "angry"),
    ("follow", "because", 1, "like X"), ("watch", "because", 1, "doubt X"),
    ("scold", "because", 2, "late"),
    ("invite", "because", 1, "alone"), ("hire", "because", 2, "clever"),
    ("question", "because", 1, "doubt X"),
    ("thank", "although", 2, "late"), ("help", "although", 1, "tired"),
    ("call", "although", 1, "busy"),
    ("forgive", "although", 2, "+lose X"), ("call", "until", 2, "answer"),
    ("guide", "until", 2, "rest"),
)  # fmt: skip
IRREGULAR = {
    "win": "win/won",
    "forgive": "forgive/forgave/forgiven",
    "lose": "lose/lost",
    "pay": "pay/paid",
}


def verb(lemma: str) -> vb.Verb:
    """A verb outside the groups."""
    return vb.parse_verb(IRREGULAR.get(lemma, lemma))
