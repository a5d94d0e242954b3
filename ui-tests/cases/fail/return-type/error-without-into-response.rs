struct Broken;

use touka::sse_handler;

#[sse_handler]
async fn clock() -> Result<touka::EventStream, Broken> {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
