//! The text of the client's runtime, which is written and tested in `clients/typescript/`.

use std::collections::BTreeSet;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The files by name, each of which uses only those before it.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("runtime/", $name)))),*];
    };
}

files! {
    "abort.ts",
    "gap.ts",
    "errors.ts",
    "backoff.ts",
    "wake.ts",
    "parser.ts",
    "route.ts",
    "request.ts",
    "attempt.ts",
    "connection.ts",
    "source.ts",
    "options.ts",
    "events.ts",
    "stream.ts",
    "client.ts",
}

/// The runtime in one piece: without the imports, which are of its own files.
pub(super) fn text() -> String {
    let lines = FILES.iter().flat_map(|(_, file)| file.lines().chain([""])).filter(|line| !line.starts_with("import "));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_those_of_the_clients_folder_in_its_order() {
        let order: Vec<&str> = include_str!("runtime/order.txt").lines().collect();
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, order);
    }

    #[test]
    fn the_text_has_no_imports() {
        let text = text();
        assert!(text.contains("export class Client {"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("import ")), "{text}");
    }
}
