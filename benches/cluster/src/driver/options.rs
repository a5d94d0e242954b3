//! The command line.

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Compare,
    Crowd,
}

/// The engine of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Memory,
    Redis,
    Nats,
}

impl Engine {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }
}

pub(super) const HELP: &str = "\
touka-cluster-bench compare    2 nodes with 10,000 clients over Redis and NATS, against 1 node in memory
touka-cluster-bench crowd      6 nodes with 100,000 clients over Redis and NATS

  --quick             few clients and events: a smoke test of some seconds
  --engine NAME       only this engine of memory, redis and nats; can be given again
  --clients N         all clients together
  --nodes N           the nodes of a cluster
  --rounds N          how often each engine is measured";

/// The options of a run.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) mode: Mode,
    pub(super) engines: Vec<Engine>,
    pub(super) nodes: usize,
    pub(super) clients: usize,
    pub(super) rounds: usize,
    pub(super) quick: bool,
}

impl Options {
    /// Reads the command line; `None` if it asks for help.
    pub(super) fn parse(words: &[&str]) -> Result<Option<Self>, String> {
        let (mode, words) = match words {
            ["compare", words @ ..] => (Mode::Compare, words),
            ["crowd", words @ ..] => (Mode::Crowd, words),
            ["--help"] | [] => return Ok(None),
            [word, ..] => return Err(format!("there is no mode \"{word}\"\n{HELP}")),
        };
        let quick = words.contains(&"--quick");
        let (nodes, clients, rounds, engines) = match (mode, quick) {
            (Mode::Compare, true) => (2, 40, 1, vec![Engine::Memory, Engine::Redis, Engine::Nats]),
            (Mode::Compare, false) => (2, 10_000, 3, vec![Engine::Memory, Engine::Redis, Engine::Nats]),
            (Mode::Crowd, true) => (3, 60, 1, vec![Engine::Redis, Engine::Nats]),
            (Mode::Crowd, false) => (6, 100_000, 1, vec![Engine::Redis, Engine::Nats]),
        };
        let mut options = Self { mode, engines, nodes, clients, rounds, quick };
        let mut chosen = Vec::new();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if word == "--help" {
                return Ok(None);
            }
            if word == "--quick" {
                continue;
            }
            let value = *words.next().ok_or_else(|| format!("{word} needs a value\n{HELP}"))?;
            let number = value.parse().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| format!("{word} {value}: a number from 1 on is needed"));
            match word {
                "--engine" => chosen.push(match value {
                    "memory" => Engine::Memory,
                    "redis" => Engine::Redis,
                    "nats" => Engine::Nats,
                    _ => return Err(format!("\"{value}\" is no engine; there are: memory redis nats")),
                }),
                "--clients" => options.clients = number?,
                "--nodes" => options.nodes = number?,
                "--rounds" => options.rounds = number?,
                _ => return Err(format!("there is no option {word}\n{HELP}")),
            }
        }
        if !chosen.is_empty() {
            options.engines = chosen;
        }
        Ok(Some(options))
    }
}
