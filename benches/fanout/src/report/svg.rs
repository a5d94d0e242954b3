//! Plots as SVG: a row for each server, with an axis below.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 160.0;
const RIGHT: f64 = 84.0;
const TOP: f64 = 72.0;
const ROW: f64 = 30.0;
const BOTTOM: f64 = 54.0;

/// Each color is visible on white and on black; text and lines follow the theme.
const STYLE: &str = "\
    text{font:13px system-ui,sans-serif;fill:#24292f}\
    .title{font-size:15px;font-weight:600}.small{font-size:12px;fill:#57606a}\
    .card{fill:#fff}.grid{stroke:#d0d7de}.whisker{stroke:#24292f;stroke-width:1.5}\
    .floor{fill:#8c959f}.ours{fill:#2da44e}.peer{fill:#4c8dda}.faint{opacity:.4}\
    .d0{fill:#2da44e}.d1{fill:#4c8dda}.d2{fill:#d4881c}.d3{fill:#d1495b}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.card{fill:#0d1117}\
    .grid{stroke:#30363d}.whisker{stroke:#e6edf3}}";

/// Maps values to positions on the axis.
#[derive(Clone, Copy)]
pub(crate) enum Scale {
    /// From 0 to this value.
    Linear(f64),
    /// Between these powers of ten.
    Log(i32, i32),
}

impl Scale {
    /// A linear scale that ends a little beyond the value.
    pub(crate) fn up_to(most: f64) -> Self {
        Self::Linear(if most > 0.0 { most * 1.05 } else { 1.0 })
    }

    /// A scale of powers of ten that contains both values.
    #[expect(clippy::cast_possible_truncation, reason = "logarithms of times are small")]
    pub(crate) fn powers(least: f64, most: f64) -> Self {
        let (low, high) = (least.max(0.001).log10().floor() as i32, most.max(0.001).log10().ceil() as i32);
        Self::Log(low, high.max(low + 1))
    }

    fn x(self, value: f64) -> f64 {
        let part = match self {
            Self::Linear(most) => value / most,
            Self::Log(low, high) => (value.max(0.001).log10() - f64::from(low)) / f64::from(high - low),
        };
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn ticks(self) -> Vec<f64> {
        match self {
            Self::Log(low, high) => (low..=high).map(|power| 10f64.powi(power)).collect(),
            Self::Linear(most) => {
                let rough = most / 6.0;
                let power = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= rough);
                let step = step.unwrap_or(rough);
                (0..20).map(|index| f64::from(index) * step).take_while(|tick| *tick <= most).collect()
            }
        }
    }
}

/// A plot in progress.
pub(crate) struct Plot {
    body: String,
    scale: Scale,
    height: f64,
    title: String,
}

macro_rules! put {
    // Writing into a `String` cannot fail.
    ($self:expr, $($what:tt)*) => {{ let _ = writeln!($self.body, $($what)*); }};
}

impl Plot {
    pub(crate) fn new(title: &str, subtitle: &str, axis: &str, scale: Scale, rows: usize) -> Self {
        let rows = f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
        let end = TOP + rows * ROW;
        let mut plot = Self { body: String::new(), scale, height: end + BOTTOM, title: escape(title) };
        put!(plot, r#"<text class="title" x="16" y="26">{}</text>"#, escape(title));
        put!(plot, r#"<text class="small" x="16" y="46">{}</text>"#, escape(subtitle));
        for tick in scale.ticks() {
            let x = scale.x(tick);
            put!(plot, r#"<line class="grid" x1="{x:.1}" y1="{:.1}" x2="{x:.1}" y2="{end:.1}"/>"#, TOP - 6.0);
            let y = end + 16.0;
            put!(plot, r#"<text class="small" x="{x:.1}" y="{y:.1}" text-anchor="middle">{}</text>"#, short(tick));
        }
        let (x, y) = (f64::midpoint(LEFT, WIDTH - RIGHT), end + 38.0);
        put!(plot, r#"<text class="small" x="{x:.1}" y="{y:.1}" text-anchor="middle">{}</text>"#, escape(axis));
        plot
    }

    /// The middle of a row.
    fn y(row: usize) -> f64 {
        TOP + (f64::from(u32::try_from(row).unwrap_or(u32::MAX)) + 0.5) * ROW
    }

    pub(crate) fn label(&mut self, row: usize, text: &str) {
        let (x, y) = (LEFT - 10.0, Self::y(row) + 4.5);
        put!(self, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="end">{}</text>"#, escape(text));
    }

    pub(crate) fn bar(&mut self, row: usize, value: f64, class: &str) {
        let (y, width, height) = (Self::y(row) - 9.0, self.scale.x(value) - LEFT, 18.0);
        put!(self, r#"<rect class="{class}" x="{LEFT}" y="{y:.1}" width="{width:.1}" height="{height}" rx="2"/>"#);
    }

    /// A line from the minimum to the maximum.
    pub(crate) fn whisker(&mut self, row: usize, min: f64, max: f64) {
        let (y, from, to) = (Self::y(row), self.scale.x(min), self.scale.x(max));
        put!(self, r#"<line class="whisker" x1="{from:.1}" y1="{y:.1}" x2="{to:.1}" y2="{y:.1}"/>"#);
        for x in [from, to] {
            let (top, bottom) = (y - 4.0, y + 4.0);
            put!(self, r#"<line class="whisker" x1="{x:.1}" y1="{top:.1}" x2="{x:.1}" y2="{bottom:.1}"/>"#);
        }
    }

    pub(crate) fn dot(&mut self, row: usize, value: f64, class: &str) {
        let (x, y) = (self.scale.x(value), Self::y(row));
        put!(self, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="5.5"/>"#);
    }

    /// A text to the right of a value.
    pub(crate) fn note(&mut self, row: usize, value: f64, text: &str) {
        let (x, y) = (self.scale.x(value) + 8.0, Self::y(row) + 4.5);
        put!(self, r#"<text x="{x:.1}" y="{y:.1}">{}</text>"#, escape(text));
    }

    /// The meaning of the colors, in the upper right corner.
    pub(crate) fn legend(&mut self, entries: &[(&str, &str)]) {
        let mut x = WIDTH - 90.0 * f64::from(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        for (class, text) in entries {
            put!(self, r#"<circle class="{class}" cx="{x:.1}" cy="22" r="5.5"/>"#);
            put!(self, r#"<text class="small" x="{:.1}" y="26">{}</text>"#, x + 10.0, escape(text));
            x += 90.0;
        }
    }

    pub(crate) fn finish(self) -> String {
        let Self { body, height, title, .. } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
             <rect class=\"card\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n{body}</svg>\n"
        )
    }
}

/// Formats a tick without trailing zeros.
fn short(tick: f64) -> String {
    let text = format!("{tick:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
