//! The command line of the report.

use std::path::PathBuf;
use std::{env, str::FromStr};

use crate::case::{BAR, CONNECTIONS, Case, PAYLOADS, rate};
use crate::servers::{SERVERS, Server};

pub(crate) const HELP: &str = "\
Measures topics beside their peers: CPU, memory and latency of one event to thousands of clients.

  scripts/bench.sh                    everything, into docs/benchmarks.md; takes about an hour
  scripts/bench.sh --quick            200 clients, 2 seconds, once: a smoke test

  --servers bare,touka,axum           only these
  --connections 2000,8000,19000       only these numbers of clients
  --payload 64,1024,16384             only these bytes of JSON in an event
  --rounds 3                          rounds; by default 3 for 2,000 clients, 2 for the rest
  --seconds 8                         how long events are published in each run
  --idle 3                            seconds before, after which memory is read
  --rate 20                           events per second; by default a rate that all keep up with
  --keep                              adds to the existing runs instead of replacing them
  --render                            measures nothing, only shows the existing runs
  --write                             into docs/benchmarks.md, even if only a part was measured
  --docs docs                         the folder of benchmarks.md
";

pub(crate) struct Options {
    pub(crate) servers: Vec<&'static Server>,
    pub(crate) cases: Vec<Case>,
    pub(crate) keep: bool,
    pub(crate) render: bool,
    pub(crate) write: bool,
    pub(crate) docs: PathBuf,
    pub(crate) records: PathBuf,
}

impl Options {
    /// Parses the arguments; `None` if only the help was requested.
    pub(crate) fn from_args() -> Result<Option<Self>, String> {
        let mut servers: Vec<&'static Server> = SERVERS.iter().collect();
        let (mut connections, mut payloads) = (CONNECTIONS.to_vec(), PAYLOADS.to_vec());
        let (mut rounds, mut seconds, mut idle, mut fixed_rate) = (None, 8, 3, None);
        let (mut keep, mut render, mut write, mut part) = (false, false, false, false);
        let mut docs = PathBuf::from("docs");
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            part |= !matches!(arg.as_str(), "--keep" | "--write" | "--docs" | "--render");
            match arg.as_str() {
                "--help" | "-h" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                "--quick" => {
                    (connections, payloads, rounds) = (vec![200], vec![64], Some(1));
                    (seconds, idle) = (2, 1);
                }
                "--servers" => servers = value()?.split(',').map(Server::find).collect::<Result<_, _>>()?,
                "--connections" => connections = list(&arg, &value()?)?,
                "--payload" => payloads = list(&arg, &value()?)?,
                "--rounds" => rounds = Some(number(&arg, &value()?)?),
                "--seconds" => seconds = number(&arg, &value()?)?,
                "--idle" => idle = number(&arg, &value()?)?,
                "--rate" => fixed_rate = Some(number(&arg, &value()?)?),
                "--keep" => keep = true,
                "--render" => render = true,
                "--write" => write = true,
                "--docs" => docs = value()?.into(),
                _ => return Err(format!("{arg} is not known; see --help")),
            }
        }
        let mut cases = Vec::new();
        for &payload in &payloads {
            for &connections in &connections {
                let often = if connections == BAR.0 { 3 } else { 2 };
                cases.push(Case {
                    connections,
                    payload,
                    rate: fixed_rate.unwrap_or_else(|| rate(connections, payload)),
                    seconds,
                    idle,
                    rounds: rounds.unwrap_or(often),
                });
            }
        }
        let records = crate::servers::program("report")?.with_file_name("fanout-runs.jsonl");
        Ok(Some(Self { servers, cases, keep, render, write: write || !(part || render), docs, records }))
    }
}

fn number<N: FromStr>(arg: &str, value: &str) -> Result<N, String> {
    value.trim().parse().map_err(|_| format!("{arg} {value}: not a valid number"))
}

fn list<N: FromStr>(arg: &str, value: &str) -> Result<Vec<N>, String> {
    value.split(',').map(|value| number(arg, value)).collect()
}
