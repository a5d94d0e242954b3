//! Entries that a process leaves behind that had not heard of its removal.

use std::time::Duration;

use tokio::time::timeout;
use touka::Hub;
use touka::run::Begun;

use crate::scene::{run, seen, start_short};
use crate::store::Store;

/// A note or an event without a beginning is no run, and the next start removes it.
#[tokio::test(start_paused = true)]
async fn entries_without_a_beginning_are_no_run() {
    for stray in [&b"\x02{\"run\":\"stop\"}"[..], b"data: late\n\n", b"\x01event: lost\ndata: {}\n\n"] {
        for count in [1, 3] {
            let store = Store::default();
            let hubs = [(); 2].map(|()| Hub::builder().engine(store.clone()));
            for _ in 0..count {
                store.append_stray("\0run/a", stray);
            }
            for hub in &hubs {
                assert!(run(hub, "a").status().await.expect_err("an error").is_unknown());
            }
            let one = run(&hubs[0], "a");
            let begun = timeout(Duration::from_mins(1), start_short(&one, "x")).await.expect("a start");
            assert_eq!(begun.expect("no error"), Begun::Started);
            for hub in &hubs {
                assert_eq!(seen(&run(hub, "a")).await, ["x", "{}"]);
            }
        }
    }
}
