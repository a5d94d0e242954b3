use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        tokio::select! {
            line = std::future::ready("3".parse::<u8>()) => yield line?.to_string(),
        }
    };
    drop(stream);
}
