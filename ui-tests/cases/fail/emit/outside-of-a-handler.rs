use touka::sse_handler;

#[sse_handler]
async fn clock() {
    emit!("tick");
}

async fn helper() {
    emit!("tock");
}

fn main() {
    let _ = (clock(), helper());
}
