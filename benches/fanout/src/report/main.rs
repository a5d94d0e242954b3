//! Measures one server after another, and writes the results into `docs/benchmarks.md`.
//!
//! `scripts/bench.sh --help` prints the flags. Requires Linux's `/proc`.

mod bars;
mod case;
mod charts;
mod docs;
mod machine;
mod measure;
mod options;
mod process;
mod records;
mod section;
mod servers;
mod summary;
mod svg;
mod usage;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::options::Options;
use crate::records::{Record, Records};
use crate::summary::Summary;

fn main() -> ExitCode {
    match Options::from_args().and_then(|options| options.map_or(Ok(()), |options| run(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    fanout::raise_descriptors();
    let records = Records::open(&options.records, options.keep || options.render)?;
    if !options.render {
        measure(options, &records)?;
    }
    let summary = Summary::new(records.read()?);
    let section = section::write(&summary);
    println!("{section}");
    if options.write {
        docs::put(&options.docs, &section)?;
        for (name, chart) in charts::all(&summary) {
            docs::put_chart(&options.docs, name, &chart)?;
        }
    }
    Ok(())
}

/// Rounds are the outer loop, servers the inner one: a disturbance of the machine affects them all.
fn measure(options: &Options, records: &Records) -> Result<(), String> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let most = options.cases.iter().map(|case| case.rounds).max().unwrap_or_default();
    for round in 0..most {
        for case in options.cases.iter().filter(|case| round < case.rounds) {
            // The order rotates, so that no server is always the first after an idle time, or always the
            // last.
            let turned = (0..options.servers.len()).map(|index| (index + round) % options.servers.len());
            for server in turned.map(|index| options.servers[index]) {
                eprint!("round {} of {}: {case}: {}: ", round + 1, case.rounds, server.title);
                let outcome = measure::measure(server, case);
                match &outcome {
                    Ok(measured) => eprintln!("{measured}"),
                    Err(error) => eprintln!("FAILED: {error}"),
                }
                records.add(&Record {
                    round: format!("{started}.{round}"),
                    server: server.key.to_owned(),
                    case: *case,
                    outcome,
                })?;
            }
        }
    }
    Ok(())
}
