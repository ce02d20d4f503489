"""What was asked for, computed from what was measured: one line a bar."""
from record import median, value

SHAPES = ("190m", "1b", "7b")


class Measured:
    """A shape's record, asked by row and side; everything is `None` where it was not measured."""

    def __init__(self, content):
        self.content = content or {"rows": {}}

    def turns(self, row, side):
        return self.content["rows"].get(row, {}).get("sides", {}).get(side) or None

    def median(self, row, side, field="seconds"):
        turns = self.turns(row, side)
        return median([turn for turn in turns if not isinstance(turn, dict) or field in turn] or None, field) if turns else None

    def worst(self, row, side, field):
        turns = self.turns(row, side)
        return max(value(turn, field) for turn in turns) if turns else None

    def get(self, *path):
        found = self.content
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found


def ratio(a, b):
    return a / b if a is not None and b else None


def sides(row, over, under):
    return lambda measured: ratio(measured.median(row, over), measured.median(row, under))


def step_bytes(measured):
    parts = measured.get("step_bytes")
    return sum(parts.values()) if parts else None


def read_bandwidth(measured):
    """The best median of all ways of reading, in bytes a second."""
    ways = measured.get("bandwidth")
    return max(middle for _, middle in ways.values()) * 1e9 if ways else None


def decode_bandwidth(measured):
    return ratio(ratio(step_bytes(measured), measured.median("decode1", "ours")), read_bandwidth(measured))


def layer_products(measured):
    """Seconds of a layer's linear products here and in oneDNN, and of attention's two in oneDNN."""
    products = measured.get("products")
    if not products:
        return None
    linear = [line for line in products.values() if line[1] == line[1]]
    here, library = (sum(line[0] * line[index] for line in linear) for index in (1, 2))
    return here, library, sum(line[2] for line in products.values() if line[1] != line[1])


def linear_share(measured):
    seconds = layer_products(measured)
    return ratio(seconds[1], seconds[0]) if seconds else None


def prefill_share(measured):
    """What oneDNN needs for all the decoder's products over what a whole prefill takes, norms and softmax among it."""
    seconds = layer_products(measured)
    return ratio((seconds[1] + seconds[2]) * measured.get("layers"), measured.median("prefill", "ours")) if seconds else None


def together_speed(measured):
    turn = ratio(measured.median("decode1", "ours"), measured.median("decode8", "ours"))
    return 8 * turn if turn else None


def last_first_token(measured):
    """The last of eight first tokens, together over one after another (where each waits for those before it)."""
    together, one = measured.turns("pictures", "together"), measured.turns("pictures", "one")
    if not together or not one:
        return None
    return median([turn["first"][-1] for turn in together]) / median([turn["seconds"] for turn in one])


def peak_share(measured):
    return ratio(measured.get("server_peak_bytes"), measured.get("weight_bytes"))


def ready(measured):
    return measured.median("start", "ours", "ready")


def working(measured):
    peak = measured.worst("encode", "ours", "working_bytes")
    return peak / 1e6 if peak else None


ALL, TIMED, SMALL, LARGE = SHAPES, ("190m", "1b"), ("190m",), ("7b",)
#: what, the comparison, the bar, the unit, shapes, how it is computed
BARS = [
    ("prefill: PyTorch's time over ours", ">=", 1.2, "×", TIMED, sides("prefill", "pytorch", "ours")),
    ("linear products of a prefill: share of oneDNN's speed", ">=", 75, "%", TIMED, linear_share),
    ("whole prefill: share of it that oneDNN needs for its products, attention's over all pairs", ">=", 75, "%", TIMED,
     prefill_share),
    ("decode, one sequence: PyTorch's time over ours", ">=", 1.6, "×", TIMED, sides("decode1", "pytorch", "ours")),
    ("decode, one sequence: share of the read bandwidth", ">=", 75, "%", TIMED, decode_bandwidth),
    ("swept part of an all-layer [EOI] patch sweep, in PyTorch's prefills", "<=", 0.3, "", ALL,
     lambda m: ratio(m.median("sweep", "warm"), m.median("sweep", "prefill"))),
    ("the whole sweep: hooked PyTorch's time over ours", ">=", 5, "×", SMALL, sides("sweep", "pytorch", "ours")),
    ("the whole sweep: hooked PyTorch's time over ours", ">=", 12, "×", LARGE, sides("sweep", "pytorch", "ours")),
    ("the same with clean runs cached", ">=", 40, "×", SMALL, sides("sweep", "pytorch", "warm")),
    ("four knockout variants with 20 tokens, in captions of 20 tokens", "<=", 1.6, "×", TIMED,
     sides("knockouts", "cold", "caption")),
    ("a text-query knockout inside a caption, over the plain caption", "<=", 1.05, "×", TIMED,
     sides("caption", "cut", "ours")),
    ("a patch from a cached source inside a caption", "<=", 1.05, "×", TIMED, sides("caption", "patched", "ours")),
    ("8 sequences: tokens a second over one's", ">=", 3, "×", TIMED, together_speed),
    ("8 captions of one picture together: tokens a second over one at a time", ">=", 3, "×", TIMED,
     sides("same_picture", "one", "together")),
    ("… their prompt having been read before", ">=", 3, "×", TIMED, sides("same_prompt", "one", "together")),
    ("8 different pictures together, over one after another", "<=", 1, "×", TIMED, sides("pictures", "together", "one")),
    ("the last of their first tokens, over all of them one after another", "<=", 1, "×", TIMED, last_first_token),
    ("peak memory of the server, mapped pages counted, over the weights' bytes", "<=", 1.2, "×", LARGE, peak_share),
    ("process start to ready, warm page cache", "<=", 10, "s", LARGE, ready),
    ("a picture of 512×512 to codes, float32: PyTorch's time over ours", ">=", 0.8, "×", TIMED,
     sides("encode", "pytorch", "ours")),
    ("its working memory beside the model, the worst turn", "<=", 300, "MB", TIMED, working),
]


def lines(records):
    """(what, the bar, shape → (shown, met)) a bar; shapes that were not asked or not measured are left out."""
    for what, comparison, bar, unit, shapes, compute in BARS:
        results = {}
        for shape in shapes:
            measured = compute(Measured(records.get(shape)))
            if measured is not None:
                scaled = measured * 100 if unit == "%" else measured
                digits = 0 if unit in ("%", "MB") else 2 if scaled < 10 else 1
                met = scaled >= bar if comparison == ">=" else scaled <= bar
                results[shape] = (f"{scaled:.{digits}f}{' ' if unit else ''}{unit}".replace(" ×", "×"), met)
        sign = {">=": "≥", "<=": "≤"}[comparison]
        yield what, f"{sign} {bar:g}{' ' if unit and unit != '×' else ''}{unit}", results
