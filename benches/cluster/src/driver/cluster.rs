//! An engine, nodes and clients, each in processes of their own.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::options::Engine;
use crate::failed;
use crate::orders::{ClientsOrder, EngineFigures, NodeOrder, Published, Report};
use crate::process::Process;
use crate::usage::{cpu_us, memory};

/// How long a response may take: longer than the processes' own patience.
const PATIENCE: Duration = Duration::from_mins(15);

/// The processes of a run. They end when this is dropped, clients first.
pub(super) struct Cluster {
    pub(super) clients: Vec<Process>,
    pub(super) nodes: Vec<Node>,
    engine: Option<RunningEngine>,
}

pub(super) struct Node {
    process: Process,
    port: u16,
}

struct RunningEngine {
    keeper: Process,
    /// The id of the server's process.
    id: u32,
}

/// CPU time so far, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    pub(super) nodes: u64,
    pub(super) engine: u64,
    pub(super) clients: u64,
}

impl Cpu {
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            nodes: self.nodes - before.nodes,
            engine: self.engine - before.engine,
            clients: self.clients - before.clients,
        }
    }
}

impl Cluster {
    /// Starts an engine, nodes, and processes for clients.
    pub(super) fn start(engine: Engine, nodes: usize, clients: usize) -> Result<Self, String> {
        let (engine, url) = match engine {
            Engine::Memory => (None, engine.name().to_owned()),
            Engine::Redis | Engine::Nats => {
                let keeper = start(["engine", engine.name()])?;
                let said = keeper.hear("ready ", Duration::from_mins(2))?;
                let (url, id) = said.split_once(' ').ok_or_else(|| format!("the engine says: {said}"))?;
                let id = id.parse().map_err(failed("the id of the engine"))?;
                let url = url.to_owned();
                (Some(RunningEngine { keeper, id }), url)
            }
        };
        // Built piece by piece, so that an error drops what there is, in order.
        let mut cluster = Self { clients: Vec::new(), nodes: Vec::new(), engine };
        for _ in 0..nodes {
            let process = start(["node", &url])?;
            let port = process.hear("ready ", Duration::from_mins(2))?.parse().map_err(failed("the port of a node"))?;
            cluster.nodes.push(Node { process, port });
        }
        for source in 1..=clients {
            cluster.clients.push(start(["clients", &source.to_string()])?);
        }
        Ok(cluster)
    }

    /// Gives an order to a node without waiting for the response.
    pub(super) fn tell(&mut self, node: usize, order: &NodeOrder) -> Result<(), String> {
        self.nodes[node].process.tell(&line(order)?)
    }

    /// Waits for the response of a node.
    pub(super) fn published(&self, node: usize) -> Result<Published, String> {
        hear(&self.nodes[node].process, "published ")
    }

    pub(super) fn publish(&mut self, node: usize, order: &NodeOrder) -> Result<Published, String> {
        self.tell(node, order)?;
        self.published(node)
    }

    /// Connects clients from all processes at once: `clients(index)` of each topic from the process of this index, to
    /// the node of this index, or the first one again.
    pub(super) fn open(
        &mut self,
        group: &str,
        topics: usize,
        clients: impl Fn(usize) -> usize,
    ) -> Result<Report, String> {
        let all = topics * (0..self.clients.len()).map(&clients).sum::<usize>();
        let ports: Vec<u16> = self.nodes.iter().map(|node| node.port).collect();
        for (index, process) in self.clients.iter_mut().enumerate() {
            let order = ClientsOrder::Open {
                port: ports[index % ports.len()],
                group: group.to_owned(),
                topics,
                clients: clients(index),
            };
            process.tell(&line(&order)?)?;
        }
        let report = self.reports()?;
        if report.clients == all as u64 && report.errors == 0 {
            return Ok(report);
        }
        let error = report.first_error.unwrap_or_default();
        Err(format!("{} of {all} clients were served, with {} errors: {error}", report.clients, report.errors))
    }

    /// Waits until all clients of a group have all events, and checks that each has each event once and in order.
    pub(super) fn expect(&mut self, group: &str, newest: &[u64]) -> Result<Report, String> {
        for process in &mut self.clients {
            let order = ClientsOrder::Expect { group: group.to_owned(), newest: newest.to_vec() };
            process.tell(&line(&order)?)?;
        }
        let report = self.reports()?;
        if report.lost + report.doubled + report.errors == 0 {
            return Ok(report);
        }
        Err(format!(
            "{} of {} events to {group} were lost, {} doubled, {} errors: {}",
            report.lost,
            report.events + report.lost,
            report.doubled,
            report.errors,
            report.first_error.unwrap_or_default()
        ))
    }

    fn reports(&self) -> Result<Report, String> {
        let mut all = Report::default();
        for process in &self.clients {
            all.merge(&hear(process, "report ")?);
        }
        Ok(all)
    }

    pub(super) fn cpu(&self) -> Result<Cpu, String> {
        let mut cpu = Cpu::default();
        for node in &self.nodes {
            cpu.nodes += cpu_us(node.process.id())?;
        }
        for process in &self.clients {
            cpu.clients += cpu_us(process.id())?;
        }
        if let Some(engine) = &self.engine {
            cpu.engine = cpu_us(engine.id)?;
        }
        Ok(cpu)
    }

    /// Resident memory of all nodes, in KB: now, and the sum of their peaks.
    pub(super) fn memory_kb(&self) -> Result<(u64, u64), String> {
        let mut sum = (0, 0);
        for node in &self.nodes {
            let memory = memory(node.process.id())?;
            sum = (sum.0 + memory.now_kb, sum.1 + memory.peak_kb);
        }
        Ok(sum)
    }

    /// The figures of the engine, or zeros for a hub in memory.
    pub(super) fn figures(&mut self) -> Result<EngineFigures, String> {
        let Some(engine) = &mut self.engine else { return Ok(EngineFigures::default()) };
        engine.keeper.tell("figures")?;
        hear(&engine.keeper, "figures ")
    }

    /// Resident memory of the engine, in KB.
    pub(super) fn engine_kb(&self) -> Result<u64, String> {
        self.engine.as_ref().map_or(Ok(0), |engine| Ok(memory(engine.id)?.now_kb))
    }
}

fn start<const N: usize>(words: [&str; N]) -> Result<Process, String> {
    let program: PathBuf = env::current_exe().map_err(failed("this program"))?;
    Process::start(&program, words.map(str::to_owned))
}

fn line(order: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(order).map_err(failed("an order"))
}

fn hear<T: DeserializeOwned>(process: &Process, start: &str) -> Result<T, String> {
    serde_json::from_str(&process.hear(start, PATIENCE)?).map_err(failed("a response"))
}
