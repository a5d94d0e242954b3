//! Writes the section and its plots into the docs.

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- fan-out: written by scripts/bench.sh, from here -->";
const END: &str = "<!-- fan-out: to here -->";

/// Replaces the text between the two comments in `benchmarks.md`, or appends it with them.
pub(crate) fn put(docs: &Path, section: &str) -> Result<(), String> {
    let path = docs.join("benchmarks.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    write(&path, &between(&text, section))
}

pub(crate) fn put_chart(docs: &Path, name: &str, chart: &str) -> Result<(), String> {
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    write(&folder.join(name), chart)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn between(text: &str, section: &str) -> String {
    let marked = format!("{BEGIN}\n\n{}\n\n{END}", section.trim());
    let old = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match old {
        Some((before, after)) => format!("{before}{marked}{after}"),
        None => format!("{}\n\n{marked}\n", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let first = between("# By hand\n", "one");
        let second = between(&format!("{first}\n## By hand, too\n"), "two");
        assert!(second.starts_with("# By hand\n") && second.ends_with("## By hand, too\n"));
        assert!(second.contains("two") && !second.contains("one"));
    }
}
