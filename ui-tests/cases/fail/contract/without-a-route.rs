use touka::contract;

async fn clock() -> &'static str {
    "noon"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![clock]);
}
