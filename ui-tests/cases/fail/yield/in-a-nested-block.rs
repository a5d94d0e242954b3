use touka::sse_handler;

#[sse_handler]
async fn clock(loud: bool) {
    for tick in 0..3 {
        if loud {
            yield tick;
        }
    }
}

fn main() {
    let _ = clock(true);
}
