//! CPU time and memory of a process, from Linux's `/proc`.

use std::fs;

/// `/proc` counts a process's CPU time in hundredths of a second, on every architecture.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time so far, in microseconds, of all its threads.
pub(crate) fn cpu_us(id: u32) -> Result<u64, String> {
    let stat = read(id, "stat")?;
    // The name is in parentheses and may contain anything, including parentheses.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks(11), ticks(12));
    let sum = user.zip(system).map(|(user, system)| user + system);
    sum.map(|ticks| ticks * (1_000_000 / TICKS_PER_SECOND)).ok_or_else(|| format!("/proc/{id}/stat has no times"))
}

/// Resident memory now and at its peak, in KB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now_kb: u64,
    pub(crate) peak_kb: u64,
}

pub(crate) fn memory(id: u32) -> Result<Memory, String> {
    let status = read(id, "status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next()?.parse().ok());
        value.ok_or_else(|| format!("/proc/{id}/status has no {name}"))
    };
    Ok(Memory { now_kb: field("VmRSS")?, peak_kb: field("VmHWM")? })
}

fn read(id: u32, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{id}/{file}")).map_err(|error| format!("cannot read /proc/{id}/{file}: {error}"))
}
