use touka::{sse_handler};

#[sse_handler(GET, "/clock")]
async fn clock() {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
