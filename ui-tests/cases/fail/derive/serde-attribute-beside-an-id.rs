use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    Joined(#[event(id)] u64, #[serde(with = "as_hex")] u32),
}

fn main() {}
