use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(name = "usage\ndata: forged")]
    Usage(u32),
}

fn main() {}
