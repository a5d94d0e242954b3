struct Clock;

use touka::sse_handler;

#[sse_handler]
async fn clock() -> Clock {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
