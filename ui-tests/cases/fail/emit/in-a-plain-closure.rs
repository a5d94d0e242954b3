use touka::sse_handler;

#[sse_handler]
async fn clock() {
    (0..3).for_each(|tick| emit!(format!("{tick}")));
}

fn main() {
    let _ = clock();
}
