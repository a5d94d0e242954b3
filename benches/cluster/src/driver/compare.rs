//! A cluster of two nodes over an engine, against one node with a hub in memory, in the same run.

use std::thread::sleep;
use std::time::Duration;

use super::cluster::{Cluster, Cpu};
use super::figures::{ms, per, per_second, spread, table};
use super::options::{Engine, Options};
use crate::orders::{EngineFigures, NodeOrder, Published, Report};
use crate::quote::BYTES;

/// How much is published.
struct Sizes {
    /// The limits of a burst: events of each topic, and time.
    most: u64,
    millis: u64,
    /// Topics that are published to at once.
    topics: usize,
    /// Events to a topic with a client on each node, and the time between them.
    quiet: u64,
    quiet_us: u64,
    /// Events to a topic with all clients, and the time between them.
    loud: u64,
    loud_us: u64,
    /// The time between the connection of all clients and the measurement of memory.
    settle: Duration,
}

const FULL: Sizes = Sizes {
    most: 50_000,
    millis: 4_000,
    topics: 64,
    quiet: 600,
    quiet_us: 10_000,
    loud: 40,
    loud_us: 500_000,
    settle: Duration::from_secs(2),
};

const QUICK: Sizes = Sizes {
    most: 50,
    millis: 1_000,
    topics: 4,
    quiet: 20,
    quiet_us: 5_000,
    loud: 20,
    loud_us: 5_000,
    settle: Duration::from_millis(100),
};

/// Publishes, the events that clients got of them, and what that took.
struct Phase {
    published: Published,
    report: Report,
    cpu: Cpu,
    engine: EngineFigures,
}

impl Phase {
    fn rate(&self) -> f64 {
        per_second(self.published.events, self.published.elapsed_ns)
    }

    /// Microseconds of CPU of the nodes and the engine, for each delivery.
    fn per_delivery(&self) -> f64 {
        per(self.cpu.nodes + self.cpu.engine, self.report.events)
    }

    /// Microseconds of CPU of the engine, for each publish.
    fn engine_per_publish(&self) -> f64 {
        per(self.cpu.engine, self.published.events)
    }

    /// Milliseconds from publish to read.
    fn latency(&self, per_mille: u64) -> f64 {
        ms(self.report.latency.per_mille(per_mille))
    }
}

struct Outcome {
    engine: Engine,
    /// One publisher, one event after the other.
    alone: Phase,
    /// A publisher for each of many topics.
    many: Phase,
    /// A client on each node.
    quiet: Phase,
    /// All clients.
    loud: Phase,
    kb_per_client: f64,
}

type Column = (&'static str, usize, fn(&Outcome) -> f64);

/// The columns: a title, the decimals, and the figure.
const FIGURES: [Column; 9] = [
    ("publishes/s, one after the other", 0, |outcome| outcome.alone.rate()),
    ("publishes/s, many topics at once", 0, |outcome| outcome.many.rate()),
    ("engine, µs a publish, many topics", 1, |outcome| outcome.many.engine_per_publish()),
    ("latency to 2 clients, p50, ms", 3, |outcome| outcome.quiet.latency(500)),
    ("p99, ms", 3, |outcome| outcome.quiet.latency(990)),
    ("latency to all clients, p50, ms", 1, |outcome| outcome.loud.latency(500)),
    ("p99, ms", 1, |outcome| outcome.loud.latency(990)),
    ("CPU per delivery to all, µs", 2, |outcome| outcome.loud.per_delivery()),
    ("memory per client, KB", 2, |outcome| outcome.kb_per_client),
];

/// The bars, as a ratio to the hub in memory in the same round: the column, and the maximum.
const BARS: [(usize, f64); 2] = [(6, 1.5), (7, 1.25)];

pub(super) fn run(options: &Options) -> Result<(), String> {
    let sizes = if options.quick { &QUICK } else { &FULL };
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        // The order rotates, so that no engine is always the first or the last.
        let turned = (0..options.engines.len()).map(|index| (index + round) % options.engines.len());
        let mut outcomes = Vec::new();
        for engine in turned.map(|index| options.engines[index]) {
            let outcome = measure(engine, options, sizes).map_err(|error| format!("{}: {error}", engine.name()))?;
            eprintln!("round {} of {}: {}: {}", round + 1, options.rounds, engine.name(), line(&outcome));
            outcomes.push(outcome);
        }
        rounds.push(outcomes);
    }
    print(options, sizes.topics, &rounds);
    Ok(())
}

fn line(outcome: &Outcome) -> String {
    FIGURES.map(|(title, decimals, figure)| format!("{title} {:.decimals$}", figure(outcome))).join(", ")
}

fn measure(engine: Engine, options: &Options, sizes: &Sizes) -> Result<Outcome, String> {
    let nodes = if engine == Engine::Memory { 1 } else { options.nodes };
    // As many processes with clients for each engine, so that they read equally fast.
    let mut cluster = Cluster::start(engine, nodes, options.nodes)?;
    cluster.open("alone", 1, |_| 1)?;
    cluster.open("many", sizes.topics, |_| 1)?;
    let (most, millis) = (sizes.most, sizes.millis);
    let alone = phase(&mut cluster, &NodeOrder::Burst { group: "alone".to_owned(), topics: 1, most, millis })?;
    let most = most / 16;
    let many = phase(&mut cluster, &NodeOrder::Burst { group: "many".to_owned(), topics: sizes.topics, most, millis })?;
    let quiet = phase(
        &mut cluster,
        &NodeOrder::Paced { group: "alone".to_owned(), topics: 1, events: sizes.quiet, every_us: sizes.quiet_us },
    )?;

    let (before, _) = cluster.memory_kb()?;
    cluster.open("all", 1, |index| share(options.clients, options.nodes, index))?;
    sleep(sizes.settle);
    let (after, _) = cluster.memory_kb()?;
    let loud = phase(
        &mut cluster,
        &NodeOrder::Paced { group: "all".to_owned(), topics: 1, events: sizes.loud, every_us: sizes.loud_us },
    )?;
    let kb_per_client = per(after.saturating_sub(before), options.clients as u64);
    Ok(Outcome { engine, alone, many, quiet, loud, kb_per_client })
}

/// The part of a number that falls to one of several.
pub(super) const fn share(number: usize, of: usize, index: usize) -> usize {
    number / of + (index < number % of) as usize
}

fn phase(cluster: &mut Cluster, order: &NodeOrder) -> Result<Phase, String> {
    let (NodeOrder::Burst { group, .. } | NodeOrder::Paced { group, .. }) = order;
    let (cpu, engine) = (cluster.cpu()?, cluster.figures()?);
    let published = cluster.publish(0, order)?;
    let report = cluster.expect(group, &published.newest)?;
    let (cpu, after) = (cluster.cpu()?.since(cpu), cluster.figures()?);
    let engine = EngineFigures {
        bytes_in: after.bytes_in - engine.bytes_in,
        bytes_out: after.bytes_out - engine.bytes_out,
        ..after
    };
    Ok(Phase { published, report, cpu, engine })
}

fn print(options: &Options, topics: usize, rounds: &[Vec<Outcome>]) {
    let (nodes, clients) = (options.nodes, options.clients);
    println!("{nodes} nodes over an engine, 1 node in memory; {clients} clients, events of {BYTES} bytes.");
    println!("Many topics are {topics}, with a publisher each. Medians of {} rounds.\n", rounds.len());
    let all = |engine: Engine, figure: fn(&Outcome) -> f64| {
        let outcomes = rounds.iter().flatten().filter(|outcome| outcome.engine == engine);
        outcomes.map(figure).collect::<Vec<_>>()
    };
    // Over the hub in memory in the same round.
    let ratios = |engine: Engine, figure: fn(&Outcome) -> f64| {
        let in_round = |outcomes: &Vec<Outcome>| {
            let of = |engine| outcomes.iter().find(|outcome| outcome.engine == engine).map(figure);
            Some(of(engine)? / of(Engine::Memory)?)
        };
        // A hub in memory has no engine, whose CPU would be the divisor.
        rounds.iter().filter_map(in_round).filter(|ratio| ratio.is_finite()).collect::<Vec<_>>()
    };
    let mut header = vec!["figure"];
    for engine in &options.engines {
        header.push(engine.name());
        if *engine != Engine::Memory {
            header.push("× memory");
        }
    }
    let row = |&(title, decimals, figure): &Column| {
        let mut row = vec![title.to_owned()];
        for &engine in &options.engines {
            row.push(spread(&all(engine, figure), decimals));
            if engine != Engine::Memory {
                row.push(spread(&ratios(engine, figure), 3));
            }
        }
        row
    };
    table(&header, &FIGURES.iter().map(row).collect::<Vec<_>>());

    let bytes = |engine: &Engine| {
        let outcomes: Vec<&Outcome> = rounds.iter().flatten().filter(|outcome| outcome.engine == *engine).collect();
        let mean = |number: fn(&Outcome) -> u64, of: fn(&Outcome) -> u64| {
            let sum = |figure: fn(&Outcome) -> u64| outcomes.iter().map(|outcome| figure(outcome)).sum::<u64>();
            format!("{:.0}", per(sum(number), sum(of)))
        };
        vec![
            engine.name().to_owned(),
            mean(|outcome| outcome.loud.report.bytes, |outcome| outcome.loud.report.events),
            mean(|outcome| outcome.many.engine.bytes_in, |outcome| outcome.many.published.events),
            mean(|outcome| outcome.many.engine.bytes_out, |outcome| outcome.many.published.events),
        ]
    };
    let header = ["bytes", "of a delivery to a client", "to the engine, a publish", "from the engine, a publish"];
    table(&header, &options.engines.iter().map(bytes).collect::<Vec<_>>());

    let delivered: u64 = rounds.iter().flatten().map(|outcome| outcome.loud.report.events).sum();
    println!("{delivered} deliveries to all clients: 0 lost, 0 doubled, 0 errors");
    for (column, most) in BARS {
        let (title, _, figure) = FIGURES[column];
        for &engine in options.engines.iter().filter(|engine| **engine != Engine::Memory) {
            let ratio = super::figures::median(ratios(engine, figure));
            let verdict = if ratio <= most { "met" } else { "missed" };
            println!("{title}, {}: at most {most} × memory: {ratio:.2}, {verdict}", engine.name());
        }
    }
}
