//! Many nodes and many clients over one engine.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::cluster::{Cluster, Cpu};
use super::compare::share;
use super::figures::{median, ms, per, per_second, table};
use super::options::{Engine, Options};
use crate::orders::{NodeOrder, Report};

/// The maximum number of publishes at once. More would take longer than the engine may take for one.
const TOPICS_AT_ONCE: usize = 1_000;

/// How much is published.
struct Sizes {
    /// Topics that are published to at once, to measure the cost of a publish; and the limits of that.
    followed: usize,
    most: u64,
    millis: u64,
    /// Topics with one event each, to measure the memory of a topic.
    topics: usize,
    /// The time without events between connecting and publishing.
    idle: Duration,
    /// Events to all clients, each after all have the one before.
    single: u64,
    /// Events to all clients, faster than the machine delivers them one by one, and the time between them.
    steady: u64,
    steady_us: u64,
    /// Topics with few clients, to which another node publishes meanwhile; their clients on each node; and their events.
    small: usize,
    small_clients: usize,
    small_events: u64,
    small_us: u64,
}

const FULL: Sizes = Sizes {
    followed: 32,
    most: 2_000,
    millis: 3_000,
    topics: 20_000,
    idle: Duration::from_secs(30),
    single: 20,
    steady: 200,
    steady_us: 200_000,
    small: 20,
    small_clients: 2,
    small_events: 200,
    small_us: 200_000,
};

const QUICK: Sizes = Sizes {
    followed: 4,
    most: 20,
    millis: 1_000,
    topics: 50,
    idle: Duration::from_millis(200),
    single: 3,
    steady: 30,
    steady_us: 10_000,
    small: 3,
    small_clients: 1,
    small_events: 20,
    small_us: 10_000,
};

pub(super) fn run(options: &Options) -> Result<(), String> {
    let sizes = if options.quick { &QUICK } else { &FULL };
    for _ in 0..options.rounds {
        for &engine in &options.engines {
            println!("## {}\n", engine.name());
            measure(engine, options, sizes).map_err(|error| format!("{}: {error}", engine.name()))?;
        }
    }
    Ok(())
}

fn measure(engine: Engine, options: &Options, sizes: &Sizes) -> Result<(), String> {
    let nodes = if engine == Engine::Memory { 1 } else { options.nodes };
    let mut cluster = Cluster::start(engine, nodes, nodes)?;
    publishes(&mut cluster, sizes)?;
    topics(&mut cluster, sizes)?;
    connect(&mut cluster, options, sizes)?;
    deliver(&mut cluster, options, sizes)
}

/// The cost of a publish by the number of nodes that follow its topic.
fn publishes(cluster: &mut Cluster, sizes: &Sizes) -> Result<(), String> {
    let nodes = cluster.nodes.len();
    let (resident, mut all) = (cluster.engine_kb()?, 0);
    let mut rows = Vec::new();
    for following in (0..=nodes).filter(|following| *following <= 2 || following % 2 == 0 || *following == nodes) {
        let group = format!("followed-by-{following}");
        cluster.open(&group, sizes.followed, |index| usize::from(index < following))?;
        let (cpu, figures) = (cluster.cpu()?, cluster.figures()?);
        let order =
            NodeOrder::Burst { group: group.clone(), topics: sizes.followed, most: sizes.most, millis: sizes.millis };
        let published = cluster.publish(0, &order)?;
        cluster.expect(&group, &published.newest)?;
        let (cpu, after) = (cluster.cpu()?.since(cpu), cluster.figures()?);
        all += published.events;
        rows.push(vec![
            following.to_string(),
            format!("{:.0}", per_second(published.events, published.elapsed_ns)),
            format!("{:.1}", per(cpu.engine, published.events)),
            format!("{:.1}", per(cpu.nodes, published.events)),
            format!("{:.0}", per(after.bytes_in - figures.bytes_in, published.events)),
            format!("{:.0}", per(after.bytes_out - figures.bytes_out, published.events)),
        ]);
    }
    println!("Publishes to {} topics at once, each with a client on each node that follows it:\n", sizes.followed);
    let header = ["nodes that follow", "publishes/s", "engine, µs", "nodes, µs", "bytes in", "bytes out"];
    table(&header, &rows);
    // Events that are retained, and for NATS the ids by which it knows a repetition.
    let grown = cluster.engine_kb()?.saturating_sub(resident) * 1024;
    println!(
        "The resident memory of the engine has grown by {:.0} bytes for each of {all} publishes.\n",
        per(grown, all)
    );
    Ok(())
}

/// The memory of topics with one event each.
fn topics(cluster: &mut Cluster, sizes: &Sizes) -> Result<(), String> {
    let before = (cluster.figures()?, cluster.engine_kb()?, cluster.memory_kb()?.0);
    let mut events = 0;
    while events < sizes.topics as u64 {
        let group = format!("topic-{events}");
        let order = NodeOrder::Burst { group, topics: sizes.topics.min(TOPICS_AT_ONCE), most: 1, millis: 60_000 };
        events += cluster.publish(0, &order)?.events;
    }
    // NATS allocates and frees by turns.
    sleep(sizes.idle / 10);
    let after = (cluster.figures()?, cluster.engine_kb()?, cluster.memory_kb()?.0);
    let each = |after: u64, before: u64| format!("{:.2}", per(after.saturating_sub(before), events));
    println!("{events} topics with an event of 64 bytes each, in KB a topic:\n");
    table(
        &["memory in use, engine", "resident, engine", "files, engine", "resident, the node that publishes"],
        &[vec![
            each(after.0.memory / 1024, before.0.memory / 1024),
            each(after.1, before.1),
            each(after.0.disk / 1024, before.0.disk / 1024),
            each(after.2, before.2),
        ]],
    );
    Ok(())
}

/// Connects all clients, and measures what they take while no event is published.
fn connect(cluster: &mut Cluster, options: &Options, sizes: &Sizes) -> Result<(), String> {
    let processes = cluster.clients.len();
    let (before, kernel_before, start) = (cluster.memory_kb()?.0, kernel_kb(), Instant::now());
    cluster.open("all", 1, |index| share(options.clients, processes, index))?;
    let connected = start.elapsed();
    cluster.open("small", sizes.small, |_| sizes.small_clients)?;
    let cpu = cluster.cpu()?;
    sleep(sizes.idle);
    let cpu = cluster.cpu()?.since(cpu);
    let clients = (options.clients + sizes.small * sizes.small_clients * processes) as u64;
    let ((now, _), kernel) = (cluster.memory_kb()?, kernel_kb());
    let idle_us = u64::try_from(sizes.idle.as_micros()).unwrap_or(u64::MAX);
    println!("{clients} clients on {} nodes, without events:\n", cluster.nodes.len());
    table(
        &[
            "all connected, s",
            "KB a client, nodes",
            "KB a client, kernel, both ends",
            "CPU of the nodes, cores",
            "CPU of the engine, cores",
        ],
        &[vec![
            format!("{:.1}", connected.as_secs_f64()),
            format!("{:.2}", per(now.saturating_sub(before), clients)),
            format!("{:.2}", per(kernel.saturating_sub(kernel_before), clients)),
            format!("{:.3}", per(cpu.nodes, idle_us)),
            format!("{:.3}", per(cpu.engine, idle_us)),
        ]],
    );
    Ok(())
}

/// Publishes to all clients: one event at a time, then faster, while another node publishes to topics with few.
fn deliver(cluster: &mut Cluster, options: &Options, sizes: &Sizes) -> Result<(), String> {
    let before = cluster.cpu()?;
    let mut single = Report::default();
    let mut until_all = Vec::new();
    for _ in 0..sizes.single {
        let order = NodeOrder::Burst { group: "all".to_owned(), topics: 1, most: 1, millis: 60_000 };
        let published = cluster.publish(0, &order)?;
        let report = cluster.expect("all", &published.newest)?;
        until_all.extend(report.until_all.iter().copied());
        single.merge(&Report { until_all: Vec::new(), ..report });
    }
    let middle = cluster.cpu()?;
    let mut rows = vec![row("one at a time", &single, &until_all, middle.since(before))];

    let start = Instant::now();
    let other = 1 % cluster.nodes.len();
    let steady =
        NodeOrder::Paced { group: "all".to_owned(), topics: 1, events: sizes.steady, every_us: sizes.steady_us };
    let small = NodeOrder::Paced {
        group: "small".to_owned(),
        topics: sizes.small,
        events: sizes.small_events,
        every_us: sizes.small_us,
    };
    cluster.tell(0, &steady)?;
    if other != 0 {
        cluster.tell(other, &small)?;
    }
    let published = cluster.published(0)?;
    let steady = cluster.expect("all", &published.newest)?;
    let elapsed = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let published = if other == 0 { cluster.publish(0, &small)? } else { cluster.published(other)? };
    let small = cluster.expect("small", &published.newest)?;
    let cpu = cluster.cpu()?.since(middle);
    // The CPU of both, over the deliveries of both: they cannot be told apart.
    let mut both = steady.clone();
    both.merge(&Report { until_all: Vec::new(), ..small.clone() });
    rows.push(row("faster than they are read, all topics", &both, &steady.until_all, cpu));
    let header = [
        "events",
        "deliveries",
        "lost / doubled / errors",
        "latency p50, ms",
        "p99, ms",
        "until all have it, median, ms",
        "most, ms",
        "nodes, µs a delivery",
        "engine, µs a delivery",
    ];
    println!("Events to {} clients:\n", options.clients);
    table(&header, &rows);
    println!(
        "Faster than they are read: {} events to all in {:.1} s, {:.0} deliveries/s; memory of the nodes at the peak {:.0} MB\n",
        sizes.steady,
        ms(elapsed) / 1000.0,
        per_second(both.events, elapsed),
        per(cluster.memory_kb()?.1, 1024),
    );
    Ok(())
}

fn row(title: &str, report: &Report, until_all: &[u64], cpu: Cpu) -> Vec<String> {
    let until_all: Vec<f64> = until_all.iter().map(|ns| ms(*ns)).collect();
    let most = until_all.iter().copied().fold(0.0, f64::max);
    vec![
        title.to_owned(),
        report.events.to_string(),
        format!("{} / {} / {}", report.lost, report.doubled, report.errors),
        format!("{:.0}", ms(report.latency.per_mille(500))),
        format!("{:.0}", ms(report.latency.per_mille(990))),
        format!("{:.0}", median(until_all)),
        format!("{most:.0}"),
        format!("{:.2}", per(cpu.nodes, report.events)),
        format!("{:.3}", per(cpu.engine, report.events)),
    ]
}

/// Memory of the kernel's objects, in KB: sockets among others. 0 where Linux does not say it.
fn kernel_kb() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("SUnreclaim:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
