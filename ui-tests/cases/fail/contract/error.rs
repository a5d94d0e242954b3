use touka::response::{IntoResponse, Response, StatusCode};
use touka::{EventStream, contract, route, sse_handler};

struct SoldOut;

impl IntoResponse for SoldOut {
    fn into_response(self) -> Response {
        StatusCode::CONFLICT.into_response()
    }
}

#[sse_handler]
#[route(GET, "/sales")]
async fn sales() -> Result<EventStream, SoldOut> {
    emit!("sold");
    Err(SoldOut)?;
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![sales]);
}
