//! [`check`], one scenario to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;
use touka::Hub;

use super::step::{From, KEYS, Step};
use super::world::World;

/// Takes the steps, stops all runs, and reads all streams to their ends.
pub(crate) async fn check(hubs: &[Hub], steps: Vec<Step>) {
    let mut world = World::new(hubs);
    for step in steps {
        world.step(step).await;
    }
    for key in 0..KEYS.len() {
        world.stop(0, key).await;
        for node in 0..hubs.len() {
            world.follow(node, key, From::Nothing).await;
        }
    }
    while !world.viewers.is_empty() {
        world.read(0, usize::MAX).await;
    }
    for (key, (name, owner)) in KEYS.into_iter().enumerate() {
        let life = world.life(key).map(|life| (life.end, life.bodies.load(Ordering::SeqCst)));
        if let (Some((end, bodies)), Some(owner)) = (life, owner) {
            assert_eq!(bodies, 1);
            for hub in hubs {
                let runs = hub.runs(format!("{}{owner}", world.scenario)).await.expect("a list");
                let runs: Vec<_> = runs.iter().map(|run| (run.key(), Some(run.status().as_str()))).collect();
                assert_eq!(runs, [(&*format!("{}{name}", world.scenario), end)]);
            }
        }
        // All keys can be used again.
        if world.life(key).is_some() {
            world.run(0, key).forget().await.expect("forgotten");
        }
    }
    sleep(Duration::from_millis(1)).await;
}
