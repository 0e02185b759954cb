"""The verbs, grouped by what they select, and their forms.

The words after the bar `|` are held out of the training split.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """A verb with its two irregular forms, its sense and its particle."""

    lemma: str
    past: str
    participle: str
    sense: str
    particle: str = ""


@dataclass(frozen=True)
class Group:
    """Verbs that share a frame and fit one place in a story; `frame` is read by `grammar.event`."""

    frame: str
    verbs: str
    modifiers: str = ""


GROUPS = {
    "obtain": Group(
        "obj from:ARG2",
        """find/found=find.01 buy/bought get/got/gotten order=order.02 choose/chose/chosen borrow
        receive rent steal/stole/stolen win/won want need take/took/taken collect | acquire
        fetch grab""",
    ),
    "transfer": Group(
        "dative",
        """give/gave/given send/sent show/showed/shown hand lend/lent sell/sold offer mail
        pass=pass.05 promise bring/brought ship | award loan""",
    ),
    "inspect": Group(
        "obj",
        """watch inspect study check examine photograph sketch film mark describe notice
        see/saw/seen picture record | admire measure scan""",
        "manner",
    ),
    "damage": Group(
        "obj",
        """break/broke/broken damage scratch drop lose/lost ruin hit/hit=hit.01 mark stain crack
        cut/cut burn | dent smash""",
        "tool",
    ),
    "harm": Group(
        "obj",
        """damage scratch mark stain crack burn ruin hit/hit=hit.01 break/broke/broken | dent""",
        "tool",
    ),
    "repair": Group(
        "obj",
        """repair fix=fix.02 mend clean paint polish wash brush oil dry test restore tape cover
        color | scrub patch""",
        "tool",
    ),
    "put": Group(
        "put",
        """put/put place hide/hid/hidden leave/left=leave.02 store set/set keep/kept drop | stash
        hang/hung""",
    ),
    "carry": Group(
        "obj goal",
        """carry pull push drag lift move bring/brought take/took/taken pick_up=pick.04 send/sent
        throw/threw/thrown | haul tow""",
    ),
    "open": Group("obj", "open close shut/shut lock check paint force | unlock seal", "tool"),
    "happen": Group(
        "unacc", "open close break/broke/broken move fall/fell/fallen shut/shut crack turn | slip"
    ),
    "cook": Group(
        "obj",
        """cook bake heat warm cool salt prepare stir burn serve freeze/froze/frozen | roast
        season""",
    ),
    "cooking": Group("unacc", "cook burn cool warm dry boil freeze/froze/frozen | thicken"),
    "eat": Group(
        "obj", "eat/ate/eaten taste share finish try order like love | devour sample", "meal"
    ),
    "read": Group(
        "obj",
        """read/read write/wrote/written copy sign print file publish edit finish study list |
        translate draft""",
        "manner",
    ),
    "drive": Group(
        "obj goal",
        """drive/drove/driven park=park.01 stop start race pilot steer load move turn | brake""",
    ),
    "driving": Group("unacc", "stop start turn move crash | stall"),
    "social": Group(
        "obj",
        """thank help meet/met=meet.03 call visit praise blame greet invite follow warn guide judge
        coach trust question answer watch host hug pay/paid see/saw/seen hear/heard
        fight/fought=fight.01 know/knew/known | scold comfort toast""",
        "self",
    ),
    "tend": Group(
        "obj",
        """feed/fed wash train pet walk watch brush find/found lead/led chase guard cage |
        groom""",
    ),
    "bite": Group(
        "obj", "chase bite/bit/bitten follow frighten watch scare hear/heard see/saw/seen | sniff"
    ),
    "animal": Group(
        "intr",
        """run/ran/run=run.02 sleep/slept jump bark=bark.01 hide/hid/hidden wait rest play |
        drink/drank/drunk""",
    ),
    "garden": Group(
        "obj", "plant water cut/cut pick=pick.01 grow/grew/grown trim move sell/sold | prune"
    ),
    "please": Group(
        "obj",
        """surprise please frighten worry amuse bore upset/upset delight interest puzzle |
        annoy shock""",
    ),
    "walk": Group(
        "go:ARGM-GOL",
        """walk run/ran/run=run.02 drive/drove/driven march hike race swim/swam/swum travel sail
        hurry climb ride/rode/ridden | dash stroll""",
    ),
    "go": Group(
        "unacc goal:ARG4", "go/went/gone come/came/come return arrive travel move | descend"
    ),
    "stay": Group(
        "intr",
        """wait sit/sat stand/stood sleep/slept rest work dance sing/sang/sung play swim/swam/swum
        cook paint read/read eat/ate/eaten drive/drove/driven study fish hunt trade | doze""",
    ),
    "attend": Group(
        "obj",
        """call_off=call.08 put_off=put.06 plan enjoy miss attend remember watch film like
        leave/left host start end cancel delay love | join skip""",
    ),
    "begin": Group("unacc", "begin/began/begun start end stop finish | resume"),
    "weigh": Group(
        "obj",
        """turn_down=turn.05 bring_up=bring.05 answer hear/heard discuss remember
        forget/forgot/forgotten like share question judge repeat doubt | reject weigh""",
    ),
    "wait": Group(
        "prep:for:ARG2", "wait look=look.01 search hope ask=ask.02 care work call | yearn"
    ),
    "look": Group("prep:at:ARG1", "look laugh point stare smile shout | glance"),
    "talk": Group(
        "prep:about:ARG1",
        """talk think/thought speak/spoke/spoken worry ask hear/heard dream write/wrote/written |
        boast""",
    ),
    "speak": Group(
        "prep:to:ARG2", "talk speak/spoke/spoken listen write/wrote/written turn wave | apologize"
    ),
    "say": Group(
        "that",
        """say/said think/thought=think.01 know/knew/known believe hope claim report notice
        remember hear/heard see/saw/seen suspect promise dream doubt find/found=find.03 | admit
        swear/swore/sworn""",
    ),
    "tell": Group("tellthat", "tell/told warn promise remind show/showed/shown | assure"),
    "want": Group(
        "inf",
        """want try plan hope promise need decide refuse offer love start begin/began/begun like |
        intend agree""",
    ),
    "ask": Group(
        "objinf",
        """ask=ask.02 tell/told order persuade help invite train teach/taught want need | urge""",
    ),
    "corporate": Group(
        "obj",
        """buy/bought sell/sold rent own list insure show/showed/shown value study picture cover |
        market stock""",
    ),
    "staff": Group("obj", "hire fire train pay/paid fund sue thank invite honor | recruit"),
    "have": Group("obj", "have/had=have.03 own like love need keep/kept want miss | treasure"),
    "switch": Group(
        "obj",
        """pick_up=pick.04 turn_over=turn.13 put_away=put.02 clean_up=clean.02 set_up=set.03 |
        throw_out=throw.03""",
    ),
}
IRREGULAR_PARTICLE = {
    "pick": "picked",
    "bring": "brought",
    "put": "put",
    "set": "set",
    "throw": "threw/thrown",
}
DOUBLING = frozenset(
    """stop drop plan hug grab ship trim pet run swim get put set cut hit shut win begin stir
        skip dig forget upset slip sit jog scan hop""".split()  # noqa: SIM905
)
TOOLS = {
    "brush": (
        "clean paint brush wash polish oil color dry scrub",
        "brush cloth sponge towel rag | mop",
    ),
    "hammer": ("repair fix mend restore patch", "hammer wire tape rope glue screw | chisel clamp"),
    "knife": ("", "hammer knife stone stick nail pipe | chisel shovel"),
    "key": ("open close shut lock force unlock", "key knife wire hammer hook | crowbar"),
}
UNPASSIVE = frozenset(
    """have like want need miss love own get""".split()  # noqa: SIM905
)
STATIVE = frozenset(
    """be have own like love need want know believe see hear hope remember doubt notice trust
        treasure suspect find lose forget""".split()  # noqa: SIM905
)
HAULING = frozenset(
    """drive race steer move carry pull push drag bring take send haul tow pilot throw""".split()  # noqa: SIM905
)


def parse_verb(entry: str) -> Verb:
    """`lemma/past/participle=sense`, a particle after an underscore."""
    forms, _, sense = entry.partition("=")
    lemma, *rest = forms.split("/")
    lemma, _, particle = lemma.partition("_")
    if particle and not rest:
        rest = IRREGULAR_PARTICLE.get(lemma, regular_past(lemma)).split("/")
    past = rest[0] if rest else regular_past(lemma)
    return Verb(lemma, past, rest[1] if len(rest) > 1 else past, sense or f"{lemma}.01", particle)


def regular_past(lemma: str) -> str:
    """walk -> walked, stop -> stopped, carry -> carried."""
    if lemma.endswith("e"):
        return lemma + "d"
    if lemma.endswith("y") and lemma[-2] not in "aeou":
        return lemma[:-1] + "ied"
    return lemma + (lemma[-1] if lemma in DOUBLING else "") + "ed"


def s_form(lemma: str) -> str:
    """Third person singular and regular plural."""
    if lemma in ("have", "be", "do", "go"):
        return {"have": "has", "be": "is", "do": "does", "go": "goes"}[lemma]
    if lemma.endswith("y") and lemma[-2] not in "aeou":
        return lemma[:-1] + "ies"
    return lemma + ("es" if lemma.endswith(("s", "x", "z", "ch", "sh", "potato")) else "s")


def ing_form(lemma: str) -> str:
    """walking, running, writing."""
    if lemma.endswith("e") and not lemma.endswith(("ee", "be")):
        return lemma[:-1] + "ing"
    return lemma + (lemma[-1] if lemma in DOUBLING else "") + "ing"
