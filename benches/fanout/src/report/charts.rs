//! The three plots.

use crate::case::size;
use crate::summary::{Figures, Summary};
use crate::svg::{Plot, Scale};

/// All plots, each with its file's name.
pub(crate) fn all(summary: &Summary) -> Vec<(&'static str, String)> {
    [("cpu.svg", cpu(summary)), ("memory.svg", memory(summary)), ("latency.svg", latency(summary))]
        .into_iter()
        .filter_map(|(name, chart)| Some((name, chart?)))
        .collect()
}

fn colour(figures: &Figures) -> &'static str {
    match figures.server.key {
        "bare" => "floor",
        "touka" | "touka-body" => "ours",
        _ => "peer",
    }
}

fn most(all: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    all.iter().map(of).fold(0.0, f64::max)
}

fn cpu(summary: &Summary) -> Option<String> {
    let case = summary.main_case()?;
    let all = summary.figures(&case);
    let scale = Scale::up_to(most(&all, |figures| figures.cpu.max));
    let below = format!("{case}; median, and the least and most of the rounds");
    let mut plot = Plot::new("CPU per delivery", &below, "µs of the server's CPU", scale, all.len());
    for (row, figures) in all.iter().enumerate() {
        let cpu = figures.cpu;
        plot.label(row, figures.server.title);
        plot.bar(row, cpu.median, colour(figures));
        plot.whisker(row, cpu.min, cpu.max);
        plot.note(row, cpu.max, &format!("{:.1}", cpu.median));
    }
    Some(plot.finish())
}

fn memory(summary: &Summary) -> Option<String> {
    let case = summary.most_clients()?;
    let all = summary.figures(&case);
    let scale = Scale::up_to(most(&all, |figures| figures.peak.median));
    let below = format!("{case}; idle, and pale: the peak while {} events are published", size(case.payload));
    let mut plot = Plot::new("Memory per connection", &below, "KB of the server's memory", scale, all.len());
    for (row, figures) in all.iter().enumerate() {
        let (idle, peak) = (figures.idle.median, figures.peak.median);
        plot.label(row, figures.server.title);
        plot.bar(row, peak, &format!("{} faint", colour(figures)));
        plot.bar(row, idle, colour(figures));
        plot.note(row, peak.max(idle), &format!("{idle:.1}"));
    }
    Some(plot.finish())
}

fn latency(summary: &Summary) -> Option<String> {
    let case = summary.main_case()?;
    let all = summary.figures(&case);
    let least = all.iter().map(|figures| figures.latency.p50).fold(f64::MAX, f64::min);
    let scale = Scale::powers(least, most(&all, |figures| figures.latency.max));
    let axis = "milliseconds, logarithmic";
    let mut plot = Plot::new("Latency, from publishing to reading", &case.to_string(), axis, scale, all.len());
    plot.legend(&[("d0", "p50"), ("d1", "p99"), ("d2", "p99.9"), ("d3", "max")]);
    for (row, figures) in all.iter().enumerate() {
        let latency = figures.latency;
        plot.label(row, figures.server.title);
        plot.whisker(row, latency.p50, latency.max);
        for (value, class) in [(latency.max, "d3"), (latency.p999, "d2"), (latency.p99, "d1"), (latency.p50, "d0")] {
            plot.dot(row, value, class);
        }
    }
    Some(plot.finish())
}
