//! This machine's statistics: the samples, the sampler that takes them, and the last minute of them for every
//! client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, Networks, RefreshKind, System};
use tokio::sync::watch;

/// The number of samples that are kept: one minute.
pub(crate) const HISTORY: usize = 60;

/// The time between two samples.
const INTERVAL: Duration = Duration::from_secs(1);

/// All statistics of one second.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The Unix time of this second. Also the event id: it grows by one each second, even across a restart of
    /// the server.
    pub(crate) number: u64,
    pub(crate) cpu: Cpu,
    pub(crate) memory: Memory,
    /// `None` on systems without a load average.
    pub(crate) load: Option<Load>,
    pub(crate) network: Network,
}

/// The use of the processors, in percent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) total: f32,
    pub(crate) cores: Vec<f32>,
}

/// Main memory and swap, in bytes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) used: u64,
    pub(crate) total: u64,
    pub(crate) swap_used: u64,
    pub(crate) swap_total: u64,
}

/// The number of tasks that ran or waited to run, averaged over 1, 5 and 15 minutes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Load {
    pub(crate) one: f64,
    pub(crate) five: f64,
    pub(crate) fifteen: f64,
}

/// Bytes per second through all interfaces except the loopback.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Network {
    pub(crate) received: f64,
    pub(crate) sent: f64,
}

/// A fact that does not change while the machine runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// The state of the app: the last minute of samples. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    history: watch::Receiver<History>,
}

/// Oldest first. A client is a position in it: a slow client catches up from here, and a new or reconnecting
/// client starts here.
type History = VecDeque<Arc<Sample>>;

impl Machine {
    /// Starts the one sampler that all clients share.
    ///
    /// A thread, not a task, because taking a sample blocks. The thread ends with the last `Machine`. The
    /// first sample is taken here, which takes a fifth of a second, so that every client finds one.
    pub(crate) fn start() -> Result<Self, sysinfo::Error> {
        let mut sampler = Sampler::new()?;
        thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
        let (sender, history) = watch::channel(History::from([Arc::new(sampler.sample())]));
        thread::spawn(move || {
            let mut due = Instant::now();
            while !sender.is_closed() {
                // Relative to the time it was due, not to now: otherwise each second would be a little
                // longer.
                due = (due + INTERVAL).max(Instant::now());
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let sample = Arc::new(sampler.sample());
                sender.send_modify(|history| {
                    if history.len() == HISTORY {
                        history.pop_front();
                    }
                    history.push_back(sample);
                });
            }
        });
        Ok(Self { history })
    }

    /// A machine with these samples, whose sampler has stopped.
    #[cfg(test)]
    pub(crate) fn stopped_after(samples: impl IntoIterator<Item = Sample>) -> Self {
        let (_, history) = watch::channel(samples.into_iter().map(Arc::new).collect());
        Self { history }
    }

    /// The current samples after `seen`.
    pub(crate) fn since(&mut self, seen: u64) -> Vec<Arc<Sample>> {
        self.history.borrow_and_update().iter().filter(|sample| sample.number > seen).cloned().collect()
    }

    /// Waits for a sample that [`Machine::since`] has not returned yet; `false` when none will come.
    pub(crate) async fn next(&mut self) -> bool {
        self.history.changed().await.is_ok()
    }

    /// The number of the latest sample.
    pub(crate) fn latest(&self) -> u64 {
        self.history.borrow().back().map_or(0, |sample| sample.number)
    }
}

/// Takes samples. Most values are differences, so the time of the last sample is kept.
#[derive(Debug)]
struct Sampler {
    system: System,
    networks: Networks,
    refreshed: Instant,
    number: u64,
}

impl Sampler {
    /// Takes the first sample. CPU use needs [`MINIMUM_CPU_UPDATE_INTERVAL`] until the second.
    fn new() -> Result<Self, sysinfo::Error> {
        let figures = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::everything());
        Ok(Self {
            system: System::new_with_specifics(figures)?,
            networks: Networks::new_with_refreshed_list()?,
            refreshed: Instant::now(),
            number: 0,
        })
    }

    fn sample(&mut self) -> Sample {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        // The thread wakes late on a busy machine, and a rate must not grow with that.
        let seconds = self.refreshed.elapsed().as_secs_f64().max(0.001);
        self.refreshed = Instant::now();
        self.number = next_number(self.number, unix_seconds());
        Sample {
            number: self.number,
            cpu: self.cpu(),
            memory: self.memory(),
            load: load(),
            network: self.network(seconds),
        }
    }

    fn cpu(&self) -> Cpu {
        // Clamped: the two counters behind a percentage are not read at the same instant.
        let percent = |usage: f32| if usage.is_finite() { usage.clamp(0.0, 100.0) } else { 0.0 };
        Cpu {
            total: percent(self.system.global_cpu_usage()),
            cores: self.system.cpus().iter().map(|core| percent(core.usage())).collect(),
        }
    }

    fn memory(&self) -> Memory {
        Memory {
            used: self.system.used_memory(),
            total: self.system.total_memory(),
            swap_used: self.system.used_swap(),
            swap_total: self.system.total_swap(),
        }
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^53 bytes per second
    fn network(&self, seconds: f64) -> Network {
        // The loopback is left out: the page itself would be most of it.
        let outer = self.networks.iter().filter(|(name, _)| !name.to_string_lossy().starts_with("lo"));
        let (received, sent) = outer.fold((0, 0), |(received, sent), (_, interface)| {
            (received + interface.received(), sent + interface.transmitted())
        });
        Network { received: received as f64 / seconds, sent: sent as f64 / seconds }
    }
}

fn load() -> Option<Load> {
    let load = System::load_average().ok()?;
    Some(Load { one: load.one, five: load.five, fifteen: load.fifteen })
}

/// The next number, unless the clock is well ahead of it: a machine that slept leaves a gap. One second ahead
/// is only the sampler's jitter.
fn next_number(previous: u64, now: u64) -> u64 {
    let next = previous + 1;
    if now > next + 1 { now } else { next }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Known facts about this machine. Facts that the system does not provide are left out.
pub(crate) fn facts() -> Vec<Fact> {
    let system = System::new_with_specifics(
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram()),
    );
    let system = system.ok();
    let processor = system.as_ref().and_then(|system| system.cpus().first()).map(|core| core.brand().trim().to_owned());
    let facts = [
        ("host", System::host_name().ok()),
        ("system", System::long_os_version().ok()),
        ("kernel", System::kernel_long_version().ok()),
        ("architecture", Some(System::cpu_arch())),
        ("processor", processor),
        ("cores", system.as_ref().map(|system| system.cpus().len().to_string())),
        ("memory", system.as_ref().map(|system| gibibytes(system.total_memory()))),
    ];
    let known = facts.into_iter().filter_map(|(name, value)| Some(Fact { name, value: value? }));
    known.filter(|fact| !fact.value.is_empty()).collect()
}

#[allow(clippy::cast_precision_loss)] // rounded to a tenth
fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_plausible() {
        let mut sampler = Sampler::new().expect("this system is supported");
        thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
        let Sample { number, cpu, memory, load, network } = sampler.sample();

        assert!(unix_seconds().abs_diff(number) <= 1);
        assert!(!cpu.cores.is_empty());
        for percent in cpu.cores.iter().chain([&cpu.total]) {
            assert!((0.0..=100.0).contains(percent), "{cpu:?}");
        }
        assert!(0 < memory.used && memory.used <= memory.total, "{memory:?}");
        assert!(memory.swap_used <= memory.swap_total, "{memory:?}");
        assert!(load.is_none_or(|load| load.one >= 0.0 && load.five >= 0.0 && load.fifteen >= 0.0));
        assert!(network.received >= 0.0 && network.sent >= 0.0, "{network:?}");
    }

    #[test]
    fn numbers_follow_the_clock_and_never_repeat() {
        assert_eq!(next_number(0, 1_000), 1_000, "the first");
        assert_eq!(next_number(1_000, 1_000), 1_001, "woken early");
        assert_eq!(next_number(1_000, 1_002), 1_001, "woken late");
        assert_eq!(next_number(1_000, 1_060), 1_060, "after a sleep");
        assert_eq!(next_number(1_000, 400), 1_001, "the clock was set back");
    }

    #[tokio::test]
    async fn one_sampler_feeds_every_clone() {
        let mut one = Machine::start().expect("this system is supported");
        let mut other = one.clone();
        let first = one.latest();
        assert!(one.next().await && other.next().await, "the sampler runs");
        for machine in [&mut one, &mut other] {
            let [sample] = &machine.since(first)[..] else { panic!("one second, one sample") };
            assert!(sample.number > first);
            assert!(machine.since(sample.number).is_empty());
        }
    }

    #[test]
    fn the_facts_name_the_cores() {
        let facts = facts();
        assert!(facts.iter().any(|fact| fact.name == "cores" && fact.value != "0"), "{facts:?}");
    }
}
