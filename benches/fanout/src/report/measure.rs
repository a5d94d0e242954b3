//! One run: one server, one case.

use std::fmt;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use fanout::LoadReport;
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::process::Process;
use crate::servers::{Server, program};
use crate::usage::{cpu_us, memory};

/// The result of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) published: u64,
    pub(crate) cpu_us: u64,
    /// Resident memory before the first connection, after the idle time, while events are published, and its
    /// peak.
    pub(crate) before_kb: u64,
    pub(crate) idle_kb: u64,
    pub(crate) busy_kb: u64,
    pub(crate) peak_kb: u64,
    pub(crate) load: LoadReport,
}

impl Measured {
    /// Microseconds of CPU time per delivery.
    pub(crate) fn per_delivery(&self) -> f64 {
        float(self.cpu_us) / float(self.load.events.max(1))
    }

    /// KB per connection while no event is published.
    pub(crate) fn idle(&self) -> f64 {
        float(self.idle_kb.saturating_sub(self.before_kb)) / float(self.load.connections.max(1))
    }

    /// KB per connection while events are published.
    pub(crate) fn busy(&self) -> f64 {
        float(self.busy_kb.saturating_sub(self.before_kb)) / float(self.load.connections.max(1))
    }

    /// KB per connection at the peak, in total.
    pub(crate) fn peak(&self) -> f64 {
        float(self.peak_kb.saturating_sub(self.before_kb)) / float(self.load.connections.max(1))
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadReport { events, lost, doubled, errors, latency_us, .. } = &self.load;
        let (idle, busy, peak) = (self.idle(), self.busy(), self.peak());
        write!(f, "{:.2} µs, {idle:.2} KB (busy {busy:.2}, peak {peak:.2}), ", self.per_delivery())?;
        write!(f, "p99 {:.1} ms, {events} events, {lost} lost, {doubled} doubled, ", latency_us.p99 / 1000.0)?;
        write!(f, "{errors} errors")
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

pub(crate) fn measure(server: &Server, case: &Case) -> Result<Measured, String> {
    let port = free_port()?.to_string();
    let payload = case.payload.to_string();
    let rate = case.rate.to_string();
    let args = ["--port", &port, "--payload", &payload, "--rate", &rate].into_iter().chain(server.args.iter().copied());
    let mut served = Process::start(&server.program()?, args.map(str::to_owned))?;
    served.hear("ready", Duration::from_secs(20))?;
    // Memory that a runtime allocates after its start is not the connections'.
    sleep(Duration::from_millis(500));
    let before = memory(served.id())?;

    let connections = case.connections.to_string();
    let args = ["--port", &port, "--payload", &payload, "--connections", &connections];
    let mut load = Process::start(&program("load")?, args.map(str::to_owned))?;
    load.hear("connected", Duration::from_mins(2))?;
    sleep(Duration::from_secs(case.idle));
    let idle = memory(served.id())?;

    let cpu = cpu_us(served.id())?;
    served.tell("go")?;
    let busy_kb = busy(served.id(), Duration::from_secs(case.seconds))?;
    served.tell("stop")?;
    let published = served.hear("published ", Duration::from_mins(1))?;
    load.tell(&format!("end {published}"))?;
    // The load generator responds as soon as all events have arrived, or none arrives any more.
    let line = load.hear("{", Duration::from_mins(1))?;
    let cpu = cpu_us(served.id())?.saturating_sub(cpu);
    let load = serde_json::from_str(&format!("{{{line}")).map_err(|error| format!("the load's report: {error}"))?;
    Ok(Measured {
        published: published.parse().map_err(|_| format!("\"published {published}\" is no number"))?,
        cpu_us: cpu,
        before_kb: before.now_kb,
        idle_kb: idle.now_kb,
        busy_kb,
        peak_kb: memory(served.id())?.peak_kb,
        load,
    })
}

/// Waits, and returns the median of the server's memory samples.
fn busy(id: u32, seconds: Duration) -> Result<u64, String> {
    const LOOKS: u32 = 20;
    let mut seen = Vec::new();
    for _ in 0..LOOKS {
        sleep(seconds / LOOKS);
        seen.push(memory(id)?.now_kb);
    }
    // The first half is left out: memory for events is allocated after a while.
    let later = &mut seen[LOOKS as usize / 2..];
    later.sort_unstable();
    Ok(later[later.len() / 2])
}

/// A port without a listener.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}
