//! Detects a crate that depends on touka under another name.

use std::env;
use std::path::Path;

/// The name of touka in the current crate, if the crate renames it.
///
/// A macro does not know the path it was imported by. But it runs inside the compiler, whose command line
/// names each dependency and its file: `--extern sse=…/libtouka-0123.rmeta`. The result only improves an
/// error message: without such an argument it is `None`.
pub(crate) fn other_name() -> Option<String> {
    find(env::args())
}

fn find(args: impl Iterator<Item = String>) -> Option<String> {
    let mut found = None;
    let mut before = String::new();
    for arg in args {
        let value = if before == "--extern" { Some(arg.as_str()) } else { arg.strip_prefix("--extern=") };
        if let Some((name, file)) = value.and_then(|value| value.split_once('=')) {
            // Options may precede the name: `priv:sse`.
            let name = name.rsplit(':').next().unwrap_or(name);
            if name == "touka" {
                return None;
            }
            if is_touka(Path::new(file)) {
                found = Some(name.to_owned());
            }
        }
        before = arg;
    }
    found
}

/// Whether the file has the name that cargo gives to touka's: `libtouka-0123456789abcdef.rmeta`.
fn is_touka(file: &Path) -> bool {
    file.file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(|stem| stem == "libtouka" || stem.starts_with("libtouka-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(args: &str) -> Option<String> {
        find(args.split(' ').map(str::to_owned))
    }

    #[test]
    fn only_another_name_is_found() {
        let renamed = "rustc --extern http=/t/libhttp-1.rmeta --extern sse=/t/libtouka-0a1b.rmeta -L /t";
        assert_eq!(found(renamed).as_deref(), Some("sse"));
        assert_eq!(found("rustc --extern=priv:sse=/t/libtouka-0a.rlib").as_deref(), Some("sse"));
        assert_eq!(found("rustc --extern touka=/t/libtouka-0a1b.rmeta"), None);
        assert_eq!(found("rustc --extern touka=/t/libtouka-0a.rmeta --extern sse=/t/libtouka-0b.rmeta"), None);
        assert_eq!(found("rustc --extern touka_macros=/t/libtouka_macros-0a.so"), None);
        assert_eq!(found("rustc src/lib.rs"), None);
    }
}
