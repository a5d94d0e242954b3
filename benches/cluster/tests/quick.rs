//! The program runs with few clients, loses nothing, and leaves nothing behind.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Runs the program with a folder of its own for temporary files, and returns what it prints.
fn run(mode: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{mode}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("make a folder");
    let mut program = Command::new(env!("CARGO_BIN_EXE_touka-cluster-bench"));
    let output = program.args([mode, "--quick"]).env("TMPDIR", &folder).output().expect("run the program");
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{mode} failed:\n{errors}\n{printed}");
    let left = fs::read_dir(&folder).expect("read the folder").count();
    assert_eq!(left, 0, "{mode} left files in {}", folder.display());
    fs::remove_dir(&folder).expect("remove the folder");
    printed.into_owned()
}

#[test]
fn two_nodes_are_compared_with_one_in_memory() {
    let printed = run("compare");
    assert!(printed.contains("| figure | memory | redis | × memory | nats | × memory |"), "{printed}");
    // 40 clients with 20 events each, over three engines.
    assert!(printed.contains("2400 deliveries to all clients: 0 lost, 0 doubled, 0 errors"), "{printed}");
}

#[test]
fn a_crowd_gets_every_event() {
    let printed = run("crowd");
    for engine in ["redis", "nats"] {
        assert!(printed.contains(&format!("## {engine}")), "{printed}");
    }
    // 60 clients with 3 events each; then with 30, beside 9 clients with 20.
    for row in ["| one at a time | 180 | 0 / 0 / 0 |", "| faster than they are read, all topics | 1980 | 0 / 0 / 0 |"] {
        assert_eq!(printed.matches(row).count(), 2, "{row}\n{printed}");
    }
}
