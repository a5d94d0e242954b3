//! The text of the client's runtime, which is written and tested in `clients/typescript/`.

use std::collections::BTreeSet;

/// The files, each of which uses only those before it.
const FILES: &[&str] = &[include_str!("runtime/errors.ts")];

/// The runtime in one piece: without the imports, which are of its own files.
pub(super) fn text() -> String {
    let lines = FILES.iter().flat_map(|file| file.lines().chain([""])).filter(|line| !line.starts_with("import "));
    let mut text = String::new();
    for line in lines {
        // Two blank lines, where an import was, are one.
        if !(line.is_empty() && text.ends_with("\n\n")) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.trim_end().to_owned() + "\n"
}

/// All words of the runtime. A type of the app of such a name would have another meaning there.
pub(super) fn words(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '$'))
        .filter(|word| !word.is_empty())
        .collect()
}
