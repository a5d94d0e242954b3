//! [`Step`], one step of a scenario.

use std::time::Duration;

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
        limits: Limits,
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
    /// Time passes.
    Pass(Duration),
    /// A node starts no runs any more, and stops those that it has.
    StopRuns {
        node: usize,
    },
    /// A node dies while the bodies there obey an order, after other tasks had `yields` turns.
    Crash {
        node: usize,
        order: Option<Order>,
        yields: usize,
    },
    /// A node dies while it starts a run.
    Fall {
        node: usize,
        key: usize,
        yields: usize,
    },
    /// A node that has died is started.
    Boot {
        node: usize,
    },
}

impl Step {
    /// The node and the key that it concerns.
    pub(super) const fn place(&self) -> Option<(usize, usize)> {
        match *self {
            Self::Start { node, key, .. }
            | Self::Follow { node, key, .. }
            | Self::Stop { node, key }
            | Self::Wait { node, key }
            | Self::Forget { node, key }
            | Self::Foreign { node, key } => Some((node, key)),
            _ => None,
        }
    }
}

/// The limits of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(super) max_run: Duration,
    pub(super) keep_for: Duration,
    /// The time for which it goes on without viewers.
    pub(super) patience: Option<Duration>,
}

impl Limits {
    /// Limits that no scenario reaches.
    pub(super) const NONE: Self =
        Self { max_run: Duration::from_hours(1_000), keep_for: Duration::from_hours(1_000), patience: None };
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

/// The powers of a scenario, in addition to the methods of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Powers {
    None,
    /// Time passes.
    Time,
    /// Time passes, and nodes die.
    Death,
}

pub(crate) fn steps(nodes: usize, most: usize, powers: Powers) -> impl Strategy<Value = Vec<Step>> {
    let (node, key, viewer) = (0..nodes, 0..KEYS.len(), 0..8_usize);
    let at = (node.clone(), key.clone());
    let from = prop_oneof![
        2 => Just(From::Nothing),
        3 => (0..20_usize).prop_map(From::Seen),
        1 => Just(From::Foreign),
    ];
    let usual = prop_oneof![
        4 => (at.clone(), nature(), limits(powers))
            .prop_map(|((node, key), nature, limits)| Step::Start { node, key, nature, limits }),
        6 => (key.clone(), order()).prop_map(|(key, order)| Step::Order { key, order }),
        4 => (at.clone(), from).prop_map(|((node, key), from)| Step::Follow { node, key, from }),
        3 => (viewer.clone(), 0..5_usize).prop_map(|(viewer, events)| Step::Read { viewer, events }),
        1 => viewer.prop_map(|viewer| Step::Leave { viewer }),
        1 => at.clone().prop_map(|(node, key)| Step::Stop { node, key }),
        1 => at.clone().prop_map(|(node, key)| Step::Wait { node, key }),
        1 => at.clone().prop_map(|(node, key)| Step::Forget { node, key }),
        1 => at.prop_map(|(node, key)| Step::Foreign { node, key }),
    ];
    let timely = prop_oneof![
        4 => (1..45_u64).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
        1 => node.clone().prop_map(|node| Step::StopRuns { node }),
    ];
    let deadly = prop_oneof![
        3 => (node.clone(), prop::option::of(order()), 0..12_usize)
            .prop_map(|(node, order, yields)| Step::Crash { node, order, yields }),
        1 => (node.clone(), key, 0..12_usize).prop_map(|(node, key, yields)| Step::Fall { node, key, yields }),
        3 => node.prop_map(|node| Step::Boot { node }),
    ];
    let (time, death) = match powers {
        Powers::None => (0, 0),
        Powers::Time => (5, 0),
        Powers::Death => (4, 4),
    };
    // A weight of zero is none.
    let all = [(20, usual.boxed()), (time, timely.boxed()), (death, deadly.boxed())];
    let step = prop::strategy::Union::new_weighted(all.into_iter().filter(|(weight, _)| *weight > 0).collect());
    prop::collection::vec(step, 1..most)
}

fn nature() -> impl Strategy<Value = Nature> {
    prop_oneof![
        6 => any::<bool>().prop_map(|heeds| Nature::Obeys { heeds }),
        1 => any::<bool>().prop_map(|panics| Nature::FailsFirst { panics }),
        1 => Just(Nature::Greedy),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        6 => (1..4_usize).prop_map(Order::Emit),
        1 => Just(Order::End),
        1 => Just(Order::Fail),
        1 => Just(Order::Panic),
    ]
}

fn limits(powers: Powers) -> BoxedStrategy<Limits> {
    if powers == Powers::None {
        return Just(Limits::NONE).boxed();
    }
    // No two sums of these and of whole seconds are the same time.
    let max_run = prop::option::of(Just(Duration::from_millis(25_300)));
    let keep_for = prop::option::of(Just(Duration::from_millis(40_500)));
    let patience = prop::option::of(Just(Duration::from_millis(5_700)));
    let limits = |(max_run, keep_for, patience): (Option<Duration>, Option<Duration>, _)| Limits {
        max_run: max_run.unwrap_or(Limits::NONE.max_run),
        keep_for: keep_for.unwrap_or(Limits::NONE.keep_for),
        patience,
    };
    (max_run, keep_for, patience).prop_map(limits).boxed()
}
