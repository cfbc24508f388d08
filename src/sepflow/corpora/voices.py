"""What the synthesised speakers can sound like, and what they can say. Data only."""

# English voices of eSpeak NG. Not en-shaw, which reads the Shavian alphabet.
ACCENTS = (
    "en",
    "en-029",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-gb-x-rp",
    "en-us",
    "en-us-nyc",
)

# Measured on three sentences in en-us, at 8 kHz: mean log spectrum in 52 bands of 80 Hz, median pitch,
# share of frames with a clear period, duration. Near-duplicates are those within 1 dB and 0.05 octave
# that also take the same time, so that a test voice has no twin among the training voices.
LEFT_OUT = {
    "whisper": "whispered: a clear period in 17 % of the frames (the others: half or more)",
    "whisperf": "whispered: 4 %",
    "klatt": "hoarse: 42 %",
    "klatt2": "hoarse: 40 %",
    "RicishayMax3": "near-duplicate of RicishayMax2, 0.8 dB",
    "fast": "near-duplicate of john, 0.9 dB: the plain voice, a test of speed",
    "grandpa": "near-duplicate of croak, 0.7 dB",
    "iven2": "near-duplicate of iven, 0.4 dB",
    "klatt6": "near-duplicate of adam, 0.5 dB",
    "steph3": "near-duplicate of steph2, 0.2 dB",
}

# All other voice variants of eSpeak NG 1.52.
VARIANTS = tuple(
    name.strip()
    for name in """
    Alex, Alicia, Andrea, Andy, Annie, AnxiousAndy, Demonic, Denis, Diogo, Gene, Gene2, Henrique, Hugo,
    Jacky, Lee, Marco, Mario, Michael, Mike, Mr serious, Nguyen, Reed, RicishayMax, RicishayMax2, Storm,
    Tweaky, UniRobot, adam, anika, anikaRobot, announcer, antonio, aunty, belinda, benjamin, boris, caleb,
    croak, david, ed, edward, edward2, f1, f2, f3, f4, f5, grandma, gustave, ian, iven, iven3, iven4, john,
    kaukovalta, klatt3, klatt4, klatt5, linda, m1, m2, m3, m4, m5, m6, m7, m8, marcelo, max, michel, miguel,
    mike2, norbert, pablo, paul, pedro, quincy, rob, robert, robosoft, robosoft2, robosoft3, robosoft4,
    robosoft5, robosoft6, robosoft7, robosoft8, sandro, shelby, steph, steph2, travis, victor, zac
    """.replace("\n", " ")
    .strip()
    .split(", ")
)

# A matrix sentence takes one word of each column: name, verb, number, adjective, noun.
MATRIX = tuple(
    tuple(column.split())
    for column in (
        "Anna Brian Carol Daniel Emma Felix Grace Henry Irene Jacob Karen Louis Megan Nathan Olive Peter "
        "Rachel Simon Thelma William",
        "borrowed bought carried counted drew dropped found gave hid kept lost made moved needs painted "
        "sees shows sold wants washed",
        "two three four five six seven eight nine ten eleven twelve thirteen fifteen twenty thirty forty "
        "fifty sixty eighty ninety",
        "broken cheap clean dark dirty early famous green heavy hollow large narrow old purple quiet red "
        "shiny small thin yellow",
        "apples baskets bottles candles chairs desks doors flowers garments houses jackets kettles ladders "
        "mirrors pencils rings shoes spoons tickets windows",
    )
)
