//! [`Step`], one step of a scenario.

use proptest::prelude::*;

/// The keys, and their owners.
pub(super) const KEYS: [(&str, Option<&str>); 2] = [("a", None), ("b", Some("alice"))];

/// One step of a scenario. `node` is one of the hubs.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Two starts at the same time.
    Start {
        node: usize,
        key: usize,
        nature: Nature,
    },
    Order {
        key: usize,
        order: Order,
    },
    Follow {
        node: usize,
        key: usize,
        from: From,
    },
    /// A viewer reads some events, or leaves.
    Read {
        viewer: usize,
        events: usize,
    },
    Leave {
        viewer: usize,
    },
    Stop {
        node: usize,
        key: usize,
    },
    Wait {
        node: usize,
        key: usize,
    },
    Forget {
        node: usize,
        key: usize,
    },
    Foreign {
        node: usize,
        key: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Nature {
    /// Obeys orders and heeds a stop, or ignores it until it is dropped.
    Obeys { heeds: bool },
    /// Fails or panics before it has emitted anything.
    FailsFirst { panics: bool },
    /// Emits more than its run may have: the third event is too much.
    Greedy,
}

/// An order to a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Emit(usize),
    End,
    Fail,
    Panic,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Nothing,
    /// The id of an event of this life that some viewer has seen.
    Seen(usize),
    Foreign,
}

pub(crate) fn steps(nodes: usize, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let (node, key, viewer) = (0..nodes, 0..KEYS.len(), 0..8_usize);
    let nature = prop_oneof![
        6 => any::<bool>().prop_map(|heeds| Nature::Obeys { heeds }),
        1 => any::<bool>().prop_map(|panics| Nature::FailsFirst { panics }),
        1 => Just(Nature::Greedy),
    ];
    let order = prop_oneof![
        6 => (1..4_usize).prop_map(Order::Emit),
        1 => Just(Order::End),
        1 => Just(Order::Fail),
        1 => Just(Order::Panic),
    ];
    let from = prop_oneof![
        2 => Just(From::Nothing),
        3 => (0..20_usize).prop_map(From::Seen),
        1 => Just(From::Foreign),
    ];
    let step = prop_oneof![
        4 => (node.clone(), key.clone(), nature).prop_map(|(node, key, nature)| Step::Start { node, key, nature }),
        6 => (key.clone(), order).prop_map(|(key, order)| Step::Order { key, order }),
        4 => (node.clone(), key.clone(), from).prop_map(|(node, key, from)| Step::Follow { node, key, from }),
        3 => (viewer.clone(), 0..5_usize).prop_map(|(viewer, events)| Step::Read { viewer, events }),
        1 => viewer.prop_map(|viewer| Step::Leave { viewer }),
        1 => (node.clone(), key.clone()).prop_map(|(node, key)| Step::Stop { node, key }),
        1 => (node.clone(), key.clone()).prop_map(|(node, key)| Step::Wait { node, key }),
        1 => (node.clone(), key.clone()).prop_map(|(node, key)| Step::Forget { node, key }),
        1 => (node, key).prop_map(|(node, key)| Step::Foreign { node, key }),
    ];
    prop::collection::vec(step, 1..most)
}
