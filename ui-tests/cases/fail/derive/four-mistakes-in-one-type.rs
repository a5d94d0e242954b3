use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(rename_all = "snakecase")]
enum Chat {
    #[event(name = "a", data = "xml")]
    Usage(u32),
    Open,
    Moved(#[event(id)] u64, #[event(id)] u64),
}

fn main() {}
