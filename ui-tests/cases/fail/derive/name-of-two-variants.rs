use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    UserJoined { name: String },
    #[event(name = "user-joined")]
    Joined { id: u64 },
}

fn main() {}
