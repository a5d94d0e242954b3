//! Numbers and tables for people.

/// A number for a ratio or a mean.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// A quotient; 0 if the divisor is.
pub(super) fn per(number: u64, divisor: u64) -> f64 {
    if divisor == 0 { 0.0 } else { float(number) / float(divisor) }
}

/// A rate per second.
pub(super) fn per_second(number: u64, elapsed_ns: u64) -> f64 {
    per(number, elapsed_ns) * 1e9
}

/// Milliseconds of nanoseconds.
pub(super) fn ms(ns: u64) -> f64 {
    float(ns) / 1e6
}

pub(super) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// The median, and the least and the most in parentheses if there are several.
pub(super) fn spread(all: &[f64], decimals: usize) -> String {
    if all.is_empty() {
        return String::new();
    }
    let (least, most) =
        all.iter().fold((f64::MAX, f64::MIN), |(least, most), next| (least.min(*next), most.max(*next)));
    let middle = median(all.to_vec());
    if all.len() < 2 {
        return format!("{middle:.decimals$}");
    }
    format!("{middle:.decimals$} ({least:.decimals$}–{most:.decimals$})")
}

/// Prints a Markdown table.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) {
    println!("| {} |", header.join(" | "));
    println!("|{}", "---|".repeat(header.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!();
}
