//! A typed handler emits values of a derived type.

use futures_util::StreamExt;
use touka::{EventStream, IntoEvent, sse_handler};

#[derive(IntoEvent)]
enum Job {
    Progress {
        percent: u8,
    },
    #[event(name = "error")]
    Error {
        reason: &'static str,
    },
}

#[sse_handler]
async fn job() -> EventStream<Job> {
    emit!(Job::Progress { percent: 50 });
    emit!(Job::Error { reason: "no luck" });
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let events: Vec<String> = job().await.map(|job| job.into_event().unwrap().to_string()).collect().await;
    assert_eq!(
        events,
        ["event: progress\ndata: {\"percent\":50}\n\n", "event: error\ndata: {\"reason\":\"no luck\"}\n\n"]
    );
}
