use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = add)]
    Usage(u32),
    #[event(fold = widen)]
    Span { from: u32, to: u32 },
    #[event(fold = missing)]
    Score(u8),
}

fn add(sum: &mut u32, later: u32) {
    *sum += later;
}

fn widen(earlier: u32, later: u32) -> u32 {
    earlier.max(later)
}

fn main() {}
