//! Direct encoding against encoding through an event, for random values.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use touka::IntoEvent;

fn name() -> impl Strategy<Value = String> {
    "[a-z\\r\\n\u{0}\u{feff}\u{2028} é]{0,12}"
}

#[derive(Clone, Debug, IntoEvent)]
enum Any {
    Unit,
    #[event(data = "text")]
    Text(#[event(id)] Option<u64>, String),
    Lone(#[event(id)] i64, Vec<Option<String>>),
    Named {
        #[event(retry)]
        retry: Option<Duration>,
        #[event(id)]
        id: String,
        map: BTreeMap<String, i8>,
        float: f64,
    },
}

fn any_value() -> impl Strategy<Value = Any> {
    prop_oneof![
        Just(Any::Unit),
        (any::<Option<u64>>(), name()).prop_map(|(id, text)| Any::Text(id, text)),
        (any::<i64>(), prop::collection::vec(prop::option::of(name()), 0..4))
            .prop_map(|(id, list)| Any::Lone(id, list)),
        (any::<Option<Duration>>(), name(), prop::collection::btree_map(name(), any::<i8>(), 0..3), any::<f64>())
            .prop_map(|(retry, id, map, float)| Any::Named { retry, id, map, float }),
    ]
}

proptest! {
    #[test]
    fn direct_encoding_equals_encoding_through_an_event(values in prop::collection::vec(any_value(), 1..5)) {
        let mut straight = BytesMut::new();
        let mut by_event = BytesMut::new();
        for value in values {
            let (direct, event) = (value.clone().encode_into(&mut straight), value.into_event());
            prop_assert_eq!(direct.is_ok(), event.is_ok());
            if let Ok(event) = event {
                event.encode(&mut by_event);
            }
            prop_assert_eq!(&straight, &by_event);
        }
    }
}
