use touka::IntoEvent;

#[derive(IntoEvent)]
union Word {
    number: u32,
    bytes: [u8; 4],
}

fn main() {}
