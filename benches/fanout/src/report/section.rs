//! The fan-out section of `docs/benchmarks.md`.

use std::fmt::Write;

use crate::bars;
use crate::case::{BAR, Case, size, thousands};
use crate::machine::{machine, today, versions};
use crate::servers::SERVERS;
use crate::summary::{Figures, Spread, Summary};

/// Writing into a `String` cannot fail.
macro_rules! line {
    ($out:expr, $($what:tt)*) => {{ let _ = writeln!($out, $($what)*); }};
}

pub(crate) fn write(summary: &Summary) -> String {
    let mut out = String::new();
    intro(&mut out);
    asked(&mut out, summary);
    if let Some(case) = summary.main_case() {
        cpu(&mut out, summary, &case);
    }
    memory(&mut out, summary);
    busy(&mut out, summary);
    if let Some(case) = summary.main_case() {
        latency(&mut out, summary, &case);
    }
    all(&mut out, summary);
    out
}

fn intro(out: &mut String) {
    line!(out, "## Fan-out: one event to thousands of clients\n");
    line!(out, "Measured on {}, with {}.", today(), machine());
    line!(out, "The peers: {}.\n", versions());
    line!(
        out,
        "Each server publishes the same JSON to all its clients at a steady rate, as its own documentation shows it: \
         tokio's `broadcast`, and an event stream for each client that encodes each event. *bare* is the minimum: a \
         loop that calls `send` with the same bytes on each socket. *hyper, shared bytes* is the minimum on \
         hyper: its body, with an event that is encoded once. Touka's events have an id and a name beside \
         their data, about 45 bytes; the others' have data only.\n"
    );
    line!(
        out,
        "- The clients are another process: one thread, raw sockets, loopback. It checks each event's length and \
         number, and counts lost and duplicate events.\n\
         - CPU is the server's user and system time, from the first event until the last has arrived at every client, \
         divided by the number of events that arrived. The kernel's work for a `send` counts for the server, \
         including the client's end of the loopback.\n\
         - Memory is the growth of the server's resident memory since before the first connection; a KB is \
         1,024 bytes. The kernel's memory for a socket is not included.\n\
         - Latency is from publishing to reading. The load generator reads thousands of sockets in turn, so most of \
         it is the time to go through all clients, twice.\n\
         - Servers take turns, in rounds. × bare is a multiple of the bare loop's value in the same round. Values are \
         medians of the rounds, with the minimum and the maximum in parentheses.\n\
         - Rates are such that every server keeps up on two cores: about 40,000 deliveries per second, and 10,000 of \
         16 KB.\n"
    );
}

fn table(out: &mut String, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    line!(out, "| {} |", header.join(" | "));
    line!(out, "|{}", "---|".repeat(header.len()));
    for row in rows {
        line!(out, "| {} |", row.join(" | "));
    }
    line!(out, "");
}

fn spread(spread: &Spread) -> String {
    format!("{:.2} ({:.2}–{:.2})", spread.median, spread.min, spread.max)
}

fn ratio(figures: &Figures) -> String {
    figures.ratio.as_ref().map_or_else(|| "–".to_owned(), spread)
}

fn asked(out: &mut String, summary: &Summary) {
    line!(out, "### Bars for touka\n");
    table(out, &["work", "bar", "measured", ""], bars::rows(summary).into_iter().map(Vec::from));
}

fn cpu(out: &mut String, summary: &Summary, case: &Case) {
    line!(out, "### CPU per delivery\n\n{case}.\n");
    let rows = summary.figures(case).into_iter().map(|figures| {
        let Figures { lost, doubled, errors, .. } = figures;
        let arrived = thousands(figures.events);
        let ratio = ratio(&figures);
        let wrong = format!("{lost} / {doubled} / {errors}");
        vec![figures.server.title.to_owned(), spread(&figures.cpu), ratio, arrived, wrong, figures.runs.to_string()]
    });
    table(out, &["server", "µs", "× bare", "delivered", "lost / doubled / errors", "rounds"], rows);
    line!(out, "![CPU per delivery, by server](benchmarks/cpu.svg)\n");
}

fn memory(out: &mut String, summary: &Summary) {
    let Some(most) = summary.most_clients() else { return };
    let cases: Vec<Case> = summary.cases().into_iter().filter(|case| case.payload == most.payload).collect();
    line!(
        out,
        "### Memory per connection\n\nKB per client: idle, and at the peak while {} are published.\n",
        size(most.payload)
    );
    let mut header = vec!["server".to_owned()];
    header.extend(cases.iter().map(|case| format!("{} clients", thousands(case.connections))));
    header.extend(cases.iter().map(|case| format!("peak, {}", thousands(case.connections))));
    let rows = summary.figures(&most).into_iter().map(|figures| {
        let all: Vec<_> = cases.iter().map(|case| summary.of(figures.server.key, case.key())).collect();
        let cell = |of: fn(&Figures) -> f64| {
            all.iter()
                .map(move |figures| figures.as_ref().map_or("–".to_owned(), |figures| format!("{:.2}", of(figures))))
        };
        let mut row = vec![figures.server.title.to_owned()];
        row.extend(cell(|figures| figures.idle.median));
        row.extend(cell(|figures| figures.peak.median));
        row
    });
    table(out, &header.iter().map(String::as_str).collect::<Vec<_>>(), rows);
    line!(out, "![Memory per connection, by server](benchmarks/memory.svg)\n");
}

/// Memory for events of each size while they are published, with the number of clients of the bars.
fn busy(out: &mut String, summary: &Summary) {
    let cases: Vec<Case> = summary.cases().into_iter().filter(|case| case.connections == BAR.0).collect();
    if cases.is_empty() {
        return;
    }
    line!(
        out,
        "KB per client with {} clients: idle, and the median while events of each size are published; and CPU, \
         × bare.\n",
        thousands(BAR.0)
    );
    let sizes: Vec<String> = cases.iter().map(|case| size(case.payload)).collect();
    let mut header = vec!["server".to_owned(), "idle".to_owned()];
    header.extend(sizes.iter().map(|size| format!("busy, {size}")));
    header.extend(sizes.iter().map(|size| format!("× bare, {size}")));
    let rows = SERVERS.iter().filter_map(|server| {
        let all: Vec<_> = cases.iter().map(|case| summary.of(server.key, case.key())).collect();
        let idle = all.iter().flatten().next()?.idle.median;
        let mut row = vec![server.title.to_owned(), format!("{idle:.2}")];
        let cell = |of: &dyn Fn(&Figures) -> String| {
            all.iter().map(|figures| figures.as_ref().map_or("–".to_owned(), of)).collect::<Vec<_>>()
        };
        row.extend(cell(&|figures| format!("{:.2}", figures.busy.median)));
        row.extend(cell(&ratio));
        Some(row)
    });
    table(out, &header.iter().map(String::as_str).collect::<Vec<_>>(), rows);
}

fn latency(out: &mut String, summary: &Summary, case: &Case) {
    line!(out, "### Latency\n\n{case}. Milliseconds, from publishing to reading.\n");
    let rows = summary.figures(case).into_iter().map(|figures| {
        let latency = figures.latency;
        let each = [latency.p50, latency.p99, latency.p999, latency.max].map(|ms| format!("{ms:.1}"));
        [vec![figures.server.title.to_owned()], each.to_vec()].concat()
    });
    table(out, &["server", "p50", "p99", "p99.9", "max"], rows);
    line!(out, "![Latency percentiles, by server](benchmarks/latency.svg)\n");
}

fn all(out: &mut String, summary: &Summary) {
    line!(out, "### All cases\n");
    for case in summary.cases() {
        line!(out, "<details><summary>{case}, {} s per run</summary>\n", case.seconds);
        let rows = summary.figures(&case).into_iter().map(|figures| {
            let Figures { latency, lost, doubled, errors, .. } = figures;
            vec![
                figures.server.title.to_owned(),
                spread(&figures.cpu),
                ratio(&figures),
                format!("{:.2}", figures.idle.median),
                format!("{:.2}", figures.busy.median),
                format!("{:.2}", figures.peak.median),
                format!("{:.0}", figures.connect_ms),
                format!("{:.1} / {:.1} / {:.1} / {:.1}", latency.p50, latency.p99, latency.p999, latency.max),
                thousands(figures.events),
                format!("{lost} / {doubled} / {errors}"),
                figures.runs.to_string(),
            ]
        });
        let header = [
            "server",
            "µs per delivery",
            "× bare",
            "idle, KB",
            "busy, KB",
            "peak, KB",
            "all connected, ms",
            "latency p50 / p99 / p99.9 / max, ms",
            "delivered",
            "lost / doubled / errors",
            "rounds",
        ];
        table(out, &header, rows);
        line!(out, "</details>\n");
    }
    let failures: Vec<_> = summary.failures().collect();
    if !failures.is_empty() {
        line!(out, "Runs that failed:\n");
        for (server, case, why) in failures {
            line!(out, "- {server}, {case}: {why}");
        }
        line!(out, "");
    }
    let short = summary.cases().into_iter().flat_map(|case| {
        let losers = summary.figures(&case).into_iter().filter(|figures| figures.short > 0);
        losers
            .map(move |figures| format!("- {}, {case}: {} clients missed events", figures.server.title, figures.short))
    });
    let short: Vec<String> = short.collect();
    if !short.is_empty() {
        line!(out, "Clients that lost events:\n\n{}\n", short.join("\n"));
    }
}
