use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    Moved {
        #[event(id)]
        seq: u64,
        #[event(id)]
        room: u64,
    },
}

fn main() {}
