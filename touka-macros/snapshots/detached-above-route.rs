// #[sse_handler(detached = "turns/{chat}")]
// #[doc = "one turn"] #[route(POST, "/chats/{chat}")] #[instrument] async fn turn(chat: u64) { emit!(1); }

#[route(POST, "/chats/{chat}")]
#[::touka::sse_handler(detached = "turns/{chat}")]
///one turn
#[instrument]
async fn turn(chat: u64) {
    emit!(1);
}
