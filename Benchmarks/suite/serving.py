"""The page's part about the server under load, from what Benchmarks/serving/run.py measured."""
from bars import Measured
from record import median


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def turn_ratio(measured, row, side, other):
    """How much faster `side` is: the median over the turns, so that other load meets both alike."""
    pairs = zip(measured.turns(row, side) or [], measured.turns(row, other) or [])
    return median([here["speed"] / there["speed"] for here, there in pairs] or None)


def microseconds(measured, row, side):
    parts = [measured.median(row, side, field) for field in ("user_us", "system_us")]
    return "–" if None in parts else f"{parts[0]:.1f} + {parts[1]:.1f}"


def speeds(measured):
    """Requests a second, beside the other server's."""
    lines = []
    for row, side, other, text in (
            ("livez_h1", "ours_t1", "hummingbird_t1", "`/livez`, HTTP/1.1, one client thread"),
            ("livez_h1", "ours_t2", "hummingbird_t2", "… two client threads"),
            ("livez_h2", "ours_m1", "nghttpd_m1", "`/livez`, HTTP/2, one stream a connection"),
            ("livez_h2", "ours_m32", "nghttpd_m32", "… 32 streams a connection"),
            ("tls", "tls_h1", "plain_h1", "`/livez`, HTTP/1.1 over TLS"), ("tls", "tls_h2", "plain_h2", "… HTTP/2 over TLS, 32 streams")):
        here, there = (measured.median(row, name, "speed") for name in (side, other))
        if here:
            name = other.split("_")[0].replace("plain", "ours without TLS").replace("hummingbird", "Hummingbird")
            lines.append(f"| {text} | {number(here)} | {microseconds(measured, row, side)} | {name} | {number(there)} | "
                         f"{microseconds(measured, row, other)} | {turn_ratio(measured, row, side, other):.2f}× |")
    head = ["| 64 connections that stay open | requests/s | µs a request | beside | requests/s | µs a request | ours over it |",
            "|---|---|---|---|---|---|---|"]
    return [*head, *lines, ""] if lines else []


def latencies(measured):
    lines = []
    for row, side, text in (
            ("livez_busy", "idle", "`/livez`, 200 a second, nothing else to do"),
            ("livez_busy", "busy", "`/livez`, 200 a second, jobs fill both cores"),
            ("jobs", "connections", "`GET /v1/jobs/{id}`, 500 a second on 1,000 connections, jobs computed"),
            ("slow", "headers", "`/livez`, 900 connections send slow headers"), ("slow", "body", "… slow bodies"),
            ("slow", "read", "… read slowly")):
        p50, p99, most = (measured.median(row, side, field) for field in ("p50", "p99", "max"))
        if p50:
            errors = sum(turn["errors"] for turn in measured.turns(row, side))
            requests = sum(turn["requests"] for turn in measured.turns(row, side))
            lines.append(f"| {text} | {p50 * 1e3:.2f} ms | {p99 * 1e3:.2f} ms | {most * 1e3:.1f} ms | {number(requests)} | {errors} |")
    head = ["| latency | p50 | p99 | longest | requests | dropped |", "|---|---|---|---|---|---|"]
    return [*head, *lines, ""] if lines else []


def memory(measured):
    kinds = (("h1", "HTTP/1.1"), ("h2c", "HTTP/2"), ("tls_h1", "HTTP/1.1 over TLS"), ("tls_h2", "HTTP/2 over TLS"))
    each = {text: measured.median("idle", side, "bytes") for side, text in kinds}
    lines = []
    if any(each.values()):
        count = measured.median("idle", "h1", "connections")
        lines.append(f"An idle connection, having made one request, in resident memory at {number(count)} of them: "
                     + ", ".join(f"{value / 1024:.1f} KiB ({text})" for text, value in each.items() if value) + ".")
    turns = measured.turns("jobs", "connections")
    if turns:
        lines.append(f"While 1,000 connections asked after jobs, memory went from {turns[0]['bytes_before'] / 2**20:.0f} to "
                     f"{turns[-1]['bytes_after'] / 2**20:.0f} MiB.")
    grown = [measured.worst("slow", side, "grown_bytes") for side in ("headers", "body", "read")]
    if None not in grown:
        lines.append("Under slowhttptest's slow headers, bodies and reads on 900 connections it grew by at most "
                     + ", ".join(f"{value / 2**20:.1f}" for value in grown) + " MiB.")
    handshakes = measured.median("tls", "handshakes", "speed")
    if handshakes:
        user, system = (measured.median("tls", "handshakes", field) for field in ("user_us", "system_us"))
        lines.append(f"A connection over TLS with one request costs {(user + system) / 1e3:.2f} ms of processor time.")
    costs = {side: sum(measured.median("metrics", side, field) or 0 for field in ("user_us", "system_us"))
             for side in ("metrics", "routed", "logged")}
    if all(costs.values()):
        lines.append(f"`GET /metrics` takes {costs['metrics']:.0f} µs of processor time; a request that goes through the router, is "
                     f"counted and has an id {costs['routed']:.0f} µs, and {costs['logged']:.0f} µs where it is logged.")
    return [" ".join(lines), ""] if lines else []


def bar_lines(measured):
    def worst(row, side, field, scale):
        value = measured.median(row, side, field)
        return None if value is None else value * scale

    lines = []
    for text, sign, bar, unit, value in (
            ("`/livez` beside Hummingbird's hello world, HTTP/1.1, the lesser of one and two client threads", "≥", 2.5, "×", min(
                filter(None, [turn_ratio(measured, "livez_h1", f"ours_t{n}", f"hummingbird_t{n}") for n in (1, 2)]), default=None)),
            ("`/livez` beside nghttpd, HTTP/2, the lesser of 1 and 32 streams", "≥", 0.8, "×", min(
                filter(None, [turn_ratio(measured, "livez_h2", f"ours_m{n}", f"nghttpd_m{n}") for n in (1, 32)]), default=None)),
            ("p99 of `/livez` while jobs fill both cores", "≤", 5, " ms", worst("livez_busy", "busy", "p99", 1e3)),
            ("p99 of `GET /v1/jobs/{id}` on 1,000 connections while jobs run", "≤", 50, " ms", worst("jobs", "connections", "p99", 1e3)),
            ("an idle connection, HTTP/1.1", "≤", 16, " KiB", worst("idle", "h1", "bytes", 1 / 1024)),
            ("an idle connection, HTTP/2", "≤", 48, " KiB", worst("idle", "h2c", "bytes", 1 / 1024))):
        if value is not None:
            met = value >= bar if sign == "≥" else value <= bar
            lines.append(f"| {text} | {sign} {bar:g}{unit} | {value:.2f}{unit} {'met' if met else '**missed**'} |")
    return ["| | asked | measured |", "|---|---|---|", *lines, ""] if lines else []


def section(content):
    """Lines; none where nothing was measured."""
    if not content or not content["rows"]:
        return []
    measured, rows, machine = Measured(content), content["rows"].values(), content["machine"]
    loads = [load for row in rows for load in row["load"]]
    return [
        "### Server", "",
        f"{machine['processor']}, {machine['cores']} virtual cores, Linux {machine['kernel']}; "
        f"{min(row['date'] for row in rows)} to {max(row['date'] for row in rows)} UTC; commit "
        f"{', '.join(sorted({row['commit'] for row in rows}))}; load {min(loads)} to {max(loads)}. Client and server share the "
        "cores; sides take turns; medians, also of the ratios turn by turn. µs a request are the server's own processor time, user + system.", "",
        *bar_lines(measured), *speeds(measured), *latencies(measured), *memory(measured)]
