//! Values that cannot be encoded.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use http_body_util::BodyExt;
use serde::{Serialize, Serializer};
use touka::{EventStream, IntoEvent, sse_handler};

use super::refused;

#[derive(Clone)]
struct Failing(&'static str);

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(self.0))
    }
}

impl Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        Err(fmt::Error)
    }
}

#[derive(Clone, IntoEvent)]
enum Fails {
    Lone(Failing),
    Late {
        text: String,
        unsteady: Failing,
    },
    Unkeyed {
        map: BTreeMap<(u8, u8), u8>,
    },
    #[event(data = "text")]
    Text(Failing),
    Id(#[event(id)] Failing),
    Panics(#[serde(serialize_with = "panics")] u8),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn panics<S: Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
    panic!("in the user's own code")
}

#[test]
fn an_unserializable_value_is_an_error_and_writes_nothing() {
    let late = Fails::Late { text: "a".repeat(10_000), unsteady: Failing("x") };
    let unkeyed = Fails::Unkeyed { map: BTreeMap::from([((1, 2), 3)]) };
    for value in [Fails::Lone(Failing("x")), late, unkeyed, Fails::Text(Failing("x")), Fails::Id(Failing("x"))] {
        let error = refused(&value);
        assert!(error.is_serialize(), "{error}");
    }
}

#[tokio::test]
async fn an_unserializable_event_ends_its_stream_after_earlier_ones() {
    #[sse_handler]
    async fn failing(with: Fails) -> EventStream<Mixed> {
        emit!(Mixed::Fine { x: 1 });
        emit!(Mixed::Bad(Held(with)));
        emit!(Mixed::Fine { x: 2 });
    }
    for with in [Fails::Lone(Failing("secret")), Fails::Panics(1)] {
        let stream = failing(with).await;
        let body = axum_core::response::IntoResponse::into_response(stream).into_body().collect().await.unwrap();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let (before, after) = text.split_at("event: fine\ndata: {\"x\":1}\n\n".len());
        assert_eq!(before, "event: fine\ndata: {\"x\":1}\n\n");
        assert!(after.starts_with("event: error\n"), "{after}");
        assert!(!after.contains("secret") && !after.contains("bad"), "{after}");
    }
}

/// The events of the stream above.
#[derive(IntoEvent)]
enum Mixed {
    Fine { x: u8 },
    Bad(Held),
}

/// Serializes like the event it holds.
struct Held(Fails);

impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0.clone().into_event().map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(event.as_data().unwrap_or_default())
    }
}
