use touka::sse_handler;

#[sse_handler]
async fn clock(early: bool) {
    if early {
        return Ok(());
    }
    emit!("tick");
}

fn main() {
    let _ = clock(true);
}
